/** Puts variables in as a builder does: `$X`, `${X}`, `${X:-y}`, `${X:+y}`; what is not set is nothing. */
export function substitute(text: string, variables: ReadonlyMap<string, string>, depth = 0): string {
  // A pattern without nested quantifiers: Dockerfiles come from strangers.
  return text.replace(
    /\\\$|\$([A-Za-z_]\w*)|\$\{([A-Za-z_]\w*)(?:(:?[-+?])([^}]*))?\}/g,
    (whole, bare?: string, name?: string, operator?: string, word?: string) => {
      if (whole === "\\$") return "$";
      const value = variables.get(bare ?? name ?? "");
      if (operator === undefined) return value ?? "";
      const isSet = operator.startsWith(":") ? value !== undefined && value !== "" : value !== undefined;
      const other = (): string => (depth > 8 ? "" : substitute(word ?? "", variables, depth + 1));
      if (operator.endsWith("+")) return isSet ? other() : "";
      if (operator.endsWith("?")) return value ?? "";
      return isSet ? (value ?? "") : other();
    },
  );
}
