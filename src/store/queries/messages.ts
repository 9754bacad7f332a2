import { type CompiledQuery, sql } from "kysely";
import type { MessageView, Page } from "../../model/kept.ts";
import type { Database } from "../database.ts";
import type { PageQuery } from "../store.ts";
import { build } from "../tables.ts";
import { all, oneOfIfAsked } from "./conditions.ts";
import { pageOf, rangeOf } from "./pages.ts";

export async function readMessages(
  database: Pick<Database, "read">,
  query: { readonly groups?: readonly string[]; readonly chats?: readonly string[] } & PageQuery,
): Promise<Page<MessageView>> {
  const range = rangeOf(query);
  const rows = await database.read(
    build
      .selectFrom("messages")
      .selectAll()
      .where(all([...oneOfIfAsked("group_folder", query.groups), ...oneOfIfAsked("chat_jid", query.chats)]))
      .where("position", ">", range.after)
      .where("position", "<", range.before)
      .orderBy("position", range.order === "ASC" ? "asc" : "desc")
      .limit(range.limit)
      .compile(),
  );
  return pageOf(
    rows,
    range,
    (row) => row.position,
    (row) => ({
      position: row.position,
      id: row.id,
      direction: row.direction as MessageView["direction"],
      chatJid: row.chat_jid,
      group: row.group_folder,
      run: row.run_id,
      sender: row.sender,
      kind: row.kind,
      text: row.text,
      atMs: row.at_ms,
      state: row.state as MessageView["state"],
    }),
  );
}

/** They get positions from the first on; one that is kept already keeps its own, and a group and a run that are known. */
export function putMessages(messages: readonly Omit<MessageView, "position">[], firstPosition: number): readonly CompiledQuery[] {
  return [
    sql`
      INSERT INTO messages (direction, chat_jid, id, position, group_folder, run_id, sender, kind, text, at_ms, state)
      SELECT
        value ->> 'direction', value ->> 'chatJid', value ->> 'id', ${firstPosition} + key, value ->> 'group', value ->> 'run',
        value ->> 'sender', value ->> 'kind', value ->> 'text', value ->> 'atMs', value ->> 'state'
      FROM json_each(${JSON.stringify(messages)}) WHERE true
      ON CONFLICT (direction, chat_jid, id) DO UPDATE SET
        state = excluded.state,
        group_folder = coalesce(excluded.group_folder, group_folder),
        run_id = coalesce(excluded.run_id, run_id)`.compile(build),
  ];
}
