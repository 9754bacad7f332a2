import { getMap } from "./build.ts";
import type { Service } from "./project.ts";

/** Services that wait for each other in a circle, the first one again at the end; undefined when there are none. */
export function dependencyCycle(services: ReadonlyMap<string, Service>): readonly string[] | undefined {
  const done = new Set<string>();
  for (const start of services.keys()) {
    // The way down to where the walk is, without recursion: a chain may be as long as the file.
    const way: { readonly name: string; readonly waits: Iterator<string> }[] = [];
    const on = new Set<string>();
    const enter = (name: string): void => {
      way.push({ name, waits: dependenciesOf(services.get(name)).values() });
      on.add(name);
    };
    if (!done.has(start)) enter(start);
    for (let last = way.at(-1); last !== undefined; last = way.at(-1)) {
      const next = last.waits.next();
      if (next.done === true) {
        way.pop();
        on.delete(last.name);
        done.add(last.name);
      } else if (on.has(next.value)) {
        const names = way.map(({ name }) => name);
        return [...names.slice(names.indexOf(next.value)), next.value];
      } else if (!done.has(next.value)) enter(next.value);
    }
  }
  return undefined;
}

function dependenciesOf(service: Service | undefined): readonly string[] {
  return service === undefined ? [] : [...(getMap(service.node, "depends_on")?.entries.keys() ?? [])];
}
