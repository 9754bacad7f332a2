import type { MapNode, Node } from "../compose/node.ts";
import { itemsOf, under } from "./values.ts";

/** Commands that Compose runs in a container besides its own, each with its own user and rights. */
export function hooksOf(node: MapNode): readonly { readonly what: string; readonly hook: Node }[] {
  const own = ["post_start", "pre_stop"].flatMap((what) => itemsOf(under(node, what)).map((hook) => ({ what, hook })));
  const watched = itemsOf(under(node, "develop", "watch")).flatMap((item) => {
    const hook = under(item, "exec");
    return hook === undefined ? [] : [{ what: "develop.watch", hook }];
  });
  return [...own, ...watched];
}
