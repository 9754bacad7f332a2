/** Whom the agent works for, as its environment says. It is told for convenience: what counts is whose mail slot a file lies in. */
export interface Identity {
  readonly group: string;
  readonly chatJid: string;
  readonly isMain: boolean;
}

export function identityFrom(env: Readonly<Record<string, string | undefined>>): Identity {
  return {
    group: env["NOVABOT_GROUP"] ?? "",
    chatJid: env["NOVABOT_CHAT_JID"] ?? "",
    isMain: env["NOVABOT_IS_MAIN"] === "true",
  };
}
