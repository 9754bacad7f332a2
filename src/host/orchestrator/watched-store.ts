import { NovaError } from "../../model/errors.ts";
import type { Store } from "../../store/store.ts";

/** What takes things in: whether these work says whether the database does. */
const takesIn: readonly PropertyKey[] = ["keep", "append"] satisfies readonly (keyof Store)[];

/** The store, and why it took nothing in the last time; null while it does. `onChange` is told whenever that is another reason, or none any more. */
export function watchStore(
  store: Store,
  onChange: (trouble: string | null) => void,
): { readonly store: Store; trouble(): string | null } {
  let trouble: string | null = null;
  const set = (now: string | null): void => {
    if (now === trouble) return;
    trouble = now;
    onChange(now);
  };
  const watched = new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      const call = value.bind(target) as (...args: unknown[]) => unknown;
      if (!takesIn.includes(name)) return call;
      return async (...args: unknown[]) => {
        try {
          const answer = await call(...args);
          set(null);
          return answer;
        } catch (error) {
          if (error instanceof NovaError) set(error.message);
          throw error;
        }
      };
    },
  });
  return { store: watched, trouble: () => trouble };
}
