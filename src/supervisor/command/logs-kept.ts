import type { Command } from "commander";
import { given } from "../../model/option-values.ts";
import { logLevels } from "../../model/record.ts";
import { timeText } from "../../model/record-text.ts";
import { type Context, withConnection } from "./context.ts";
import { addFormat, addInstances, type Format } from "./format.ts";
import { json, table } from "./text.ts";

interface Some {
  readonly instanceId?: readonly string[];
  readonly format: Format;
}

/** What is kept: `logs list` and `logs stats`. */
export function addStats(group: Command, { connect, output }: Context): void {
  addFormat(group.command("list").description("List the processes whose lines are kept.")).action(async ({ format }: Some) => {
    const { instances } = await withConnection(connect(), (connection) => connection.call("logs.list", {}));
    if (format === "json") return output.write(json({ instances }));
    if (format === "raw") return output.write(instances.map(({ instance }) => `${instance}\n`).join(""));
    const rows = instances.map(({ instance, lines, bytes, firstAtMs, lastAtMs }) => [
      instance,
      String(lines),
      String(bytes),
      timeText(firstAtMs),
      timeText(lastAtMs),
    ]);
    return output.write(table(["INSTANCE", "LINES", "BYTES", "FIRST", "LAST"], rows));
  });
  addFormat(
    addInstances(group.command("stats").description("Count lines by process and level, and tell what is kept and what is lost.")),
  ).action(async ({ instanceId, format }: Some) => {
    const stats = await withConnection(connect(), (connection) =>
      connection.call("logs.stats", given({ instances: instanceId })),
    );
    if (format === "json") return output.write(json(stats));
    const columns = [...logLevels, "none"] as const;
    const rows = stats.instances.map(({ instance, lines, bytes, levels }) =>
      [instance, lines, bytes, ...columns.map((level) => levels[level])].map(String),
    );
    if (format === "raw") return output.write(rows.map((row) => `${row.join("\t")}\n`).join(""));
    const { firstSeq, lastSeq, memoryBytes, diskBytes, lost, acknowledgedSeq, bootID } = stats;
    const collected = acknowledgedSeq === null ? "nobody collects them" : `collected up to ${acknowledgedSeq}`;
    await output.write(table(["INSTANCE", "LINES", "BYTES", ...columns.map((level) => level.toUpperCase())], rows));
    return output.write(
      `records ${firstSeq} to ${lastSeq} of boot ${bootID}, ${collected}\n` +
        `${memoryBytes} bytes in memory, ${diskBytes} on disk; ${lost.records} records (${lost.bytes} bytes) lost\n`,
    );
  });
}

export function addClear(group: Command, { connect, output }: Context): void {
  addFormat(
    addInstances(group.command("clear").description("Take lines out of the container; who collects them still gets them.")),
  ).action(async ({ instanceId, format }: Some) => {
    const answer = await withConnection(connect(), (connection) =>
      connection.call("logs.clear", given({ instances: instanceId })),
    );
    return output.write(
      format === "json" ? json(answer) : format === "raw" ? `${answer.cleared}\n` : `${answer.cleared} lines cleared\n`,
    );
  });
}
