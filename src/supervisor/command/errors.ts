import type { Command } from "commander";
import { checkPeriod, given, parseCount, parseFingerprint, parseNames, parseTime } from "../../model/option-values.ts";
import {
  type ErrorCategory,
  errorCategories,
  type ErrorSeverity,
  errorSeverities,
  type WorkerRecord,
} from "../../model/record.ts";
import { groupHeadings, groupLine, groupRow, groupText } from "../../model/record-text.ts";
import type { ErrorStats } from "../../model/worker-calls.ts";
import { type Context, withConnection } from "./context.ts";
import { followRecords } from "./follow.ts";
import { addFormat, addInstances, type Format } from "./format.ts";
import { json, jsonLine, table } from "./text.ts";

interface Some {
  readonly instanceId?: readonly string[];
  readonly format: Format;
}

interface Filters extends Some {
  readonly categories?: readonly ErrorCategory[];
  readonly severities?: readonly ErrorSeverity[];
}

export function addErrorCommands(program: Command, context: Context): void {
  const { output } = context;
  const group = program.command("errors").description("Look at the errors that processes of this container wrote.");

  addFilters(group.command("list").description("List errors, each once with its count, the newest first."))
    .option("--fingerprint <fingerprint>", "only this one, with its lines", parseFingerprint)
    .option("--since <time>", "last seen from then on: a time, or how long ago (10m)", (text: string) => parseTime(text))
    .option("--until <time>", "last seen until then", (text: string) => parseTime(text))
    .option("--limit <count>", "at most so many", parseCount(1, 10_000), 100)
    .action(async (options: Filters & { fingerprint?: string; since?: number; until?: number; limit: number }) => {
      const { instanceId: instances, categories, severities, fingerprint, since: sinceMs, until: untilMs, limit } = options;
      checkPeriod(sinceMs, untilMs);
      const query = { limit, ...given({ instances, categories, severities, fingerprint, sinceMs, untilMs }) };
      const answer = await withConnection(context.connect(), (connection) => connection.call("errors.list", query));
      if (options.format === "json") return output.write(json(answer));
      if (options.format === "raw" || fingerprint !== undefined)
        return output.write(answer.groups.map((one) => groupText(one, options.format === "raw" ? "raw" : "table")).join(""));
      return output.write(table(groupHeadings, answer.groups.map(groupRow)));
    });

  addFormat(addInstances(group.command("stats").description("Count errors."))).action(async ({ instanceId, format }: Some) => {
    const params = given({ instances: instanceId });
    const stats = await withConnection(context.connect(), (connection) => connection.call("errors.stats", params));
    return output.write(format === "json" ? json(stats) : statsText(stats, format));
  });

  addFormat(addInstances(group.command("clear").description("Forget errors; they count anew when they come again."))).action(
    async ({ instanceId, format }: Some) => {
      const params = given({ instances: instanceId });
      const answer = await withConnection(context.connect(), (connection) => connection.call("errors.clear", params));
      return output.write(
        format === "json" ? json(answer) : format === "raw" ? `${answer.cleared}\n` : `${answer.cleared} errors cleared\n`,
      );
    },
  );

  addFilters(group.command("watch").description("Print errors as they come.")).action((options: Filters) =>
    watch(options, context),
  );
}

function addFilters(command: Command): Command {
  return addFormat(addInstances(command))
    .option("--categories <categories>", `only these: ${errorCategories.join(", ")}`, parseNames(errorCategories))
    .option("--severities <severities>", `only these: ${errorSeverities.join(", ")}`, parseNames(errorSeverities));
}

async function watch({ instanceId, categories, severities, format }: Filters, context: Context): Promise<void> {
  const take = async (bootID: string, records: readonly WorkerRecord[]): Promise<void> => {
    for (const record of records) {
      if (record.kind !== "error") continue;
      const { group } = record;
      if (!(categories?.includes(group.category) ?? true) || !(severities?.includes(group.severity) ?? true)) continue;
      const text =
        format === "json" ? jsonLine({ ...record, bootID }) : format === "raw" ? groupText(group, format) : groupLine(group);
      await context.output.write(text);
    }
  };
  await withConnection(context.connect(), async (connection) => {
    const { bootID, lastSeq } = await connection.call("logs.stats", {});
    await followRecords(
      connection,
      { bootID, afterSeq: lastSeq },
      {
        filter: { kinds: ["error"], ...given({ instances: instanceId }) },
        connect: () => context.connect(),
        take,
        // Errors of a boot that ended are not kept as records that could be asked for; its lines are.
        catchUp: async () =>
          context.output.note("Errors of the earlier supervisor's last moments may be missing (see `logs get`)."),
        note: (line) => context.output.note(line),
      },
    );
  });
}

function statsText({ groups, occurrences, byCategory, bySeverity, byInstance }: ErrorStats, format: Format): string {
  const counts = (what: string, by: Readonly<Record<string, number | undefined>>): string[][] =>
    Object.entries(by).map(([name, count]) => [what, name, String(count ?? 0)]);
  const lines = [
    ["errors", "", String(groups)],
    ["occurrences", "", String(occurrences)],
  ].concat(counts("category", byCategory), counts("severity", bySeverity), counts("instance", byInstance));
  return format === "raw" ? lines.map((line) => `${line.join("\t")}\n`).join("") : table(["WHAT", "NAME", "COUNT"], lines);
}
