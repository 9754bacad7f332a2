import { describe, expect, test } from "vitest";
import { parseCommand, type Request } from "../../../../src/agents/mail-command/command.ts";
import { HELP } from "../../../../src/agents/mail-command/help.ts";
import { durationText, parseDuration } from "../../../../src/agents/mail-command/schedule.ts";
import { messageMailSchema, taskMailSchema } from "../../../../src/model/mail.ts";

const family = { group: "family", chatJid: "local:family", isMain: false };
const main = { group: "main", chatJid: "local:me", isMain: true };
const parse = (argv: readonly string[], identity = family): Request =>
  parseCommand(argv, { identity, readStdin: () => "from stdin" });
const mail = (argv: readonly string[], identity = family): unknown => {
  const request = parse(argv, identity);
  return request.kind === "post" ? request.mail : request;
};

describe("a command line becomes mail that the host takes", () => {
  test.each([
    [["send", "hi there"], { type: "message", text: "hi there" }],
    [["send", "-"], { type: "message", text: "from stdin" }],
    [["send", "hi", "--chat", "local:family"], { type: "message", text: "hi" }],
    [["send", "--", "--not-an-option"], { type: "message", text: "--not-an-option" }],
  ])("%j", (argv, expected) => {
    expect(mail(argv)).toEqual(expected);
    expect(messageMailSchema.safeParse(mail(argv)).success).toBe(true);
  });

  test.each([
    [
      ["schedule", "--cron", "0 9 * * 1-5", "--timezone", "Europe/Berlin", "Say good morning"],
      {
        type: "schedule",
        prompt: "Say good morning",
        schedule: { type: "cron", value: "0 9 * * 1-5", timezone: "Europe/Berlin" },
      },
    ],
    [
      ["schedule", "Look", "--every", "1h30m", "--own-session", "--guard", "test -e new"],
      {
        type: "schedule",
        prompt: "Look",
        schedule: { type: "interval", value: 5_400_000 },
        session: "own",
        guard: "test -e new",
      },
    ],
    [
      ["schedule", "-", "--at", "2027-01-31 09:00"],
      { type: "schedule", prompt: "from stdin", schedule: { type: "once", value: "2027-01-31T09:00" } },
    ],
    [["update", "t-1", "--prompt", "new", "--no-guard"], { type: "update", task: "t-1", prompt: "new", guard: null }],
    [
      ["update", "t-1", "--at", "2027-01-31T09:00:00+01:00", "--group-session"],
      { type: "update", task: "t-1", schedule: { type: "once", value: "2027-01-31T09:00:00+01:00" }, session: "group" },
    ],
    [["pause", "t-1"], { type: "pause", task: "t-1" }],
    [["resume", "t-1"], { type: "resume", task: "t-1" }],
    [["cancel", "t-1", "--no-wait"], { type: "cancel", task: "t-1" }],
  ])("%j", (argv, expected) => {
    expect(mail(argv)).toEqual(expected);
    expect(taskMailSchema.safeParse(mail(argv)).success).toBe(true);
  });

  test("for other groups when it is main's", () => {
    expect(mail(["send", "hi", "--chat", "1@g.us"], main)).toEqual({ type: "message", text: "hi", chatJid: "1@g.us" });
    expect(mail(["schedule", "x", "--every", "1d", "--group", "family"], main)).toMatchObject({ group: "family" });
    const register = mail(["register", "1@g.us", "--name", "The family", "--folder", "family"], main);
    expect(register).toEqual({ type: "register_group", jid: "1@g.us", name: "The family", folder: "family" });
    expect(taskMailSchema.safeParse(register).success).toBe(true);
  });
});

test.each([
  [["send", "hi", "--chat", "1@g.us"], "write to another chat"],
  [["schedule", "x", "--every", "1d", "--group", "other"], "schedule a task for another group"],
  [["register", "1@g.us", "--name", "n", "--folder", "f"], "register groups"],
  [["groups"], "see the groups"],
])("%j is main's alone", (argv, what) => {
  expect(() => parse(argv)).toThrow(expect.objectContaining({ code: "MAIL_FORBIDDEN", message: expect.stringContaining(what) }));
});

test.each([
  [["sned", "hi"], 'There is no verb "sned".'],
  [["send"], "`novabot send` needs a word more."],
  [["send", "hi", "there"], '"there" is one word too many: quote a text that has spaces.'],
  [["send", " "], "The text is empty."],
  [["send", "x".repeat(65_537)], "The text is 65537 characters long; the limit is 65536."],
  [["send", "hi", "--cron", "x"], "Unknown option '--cron'."],
  [["schedule", "x"], "A task needs a schedule."],
  [["schedule", "x", "--every", "1h", "--at", "2027-01-31T09:00"], "A task has one schedule."],
  [["schedule", "x", "--every", "1h", "--timezone", "UTC"], "A time zone needs a schedule that it is the zone of."],
  [["schedule", "x", "--every", "soon"], '"soon" is no duration.'],
  [["schedule", "x", "--every", "1h 5m"], '"1h 5m" is no duration.'],
  [["schedule", "x", "--every", "0s"], '"0s" is no duration.'],
  [["schedule", "x", "--at", "tomorrow"], '"tomorrow" is no time.'],
  [["schedule", "x", "--at", "2027-13-31T09:00"], '"2027-13-31T09:00" is no time.'],
  [["update", "t-1"], "Nothing of the task is to be changed."],
  [["update", "t-1", "--own-session", "--group-session"], "A task has one session."],
  [["pause", "../t"], '"../t" is no task\'s id.'],
  [["tasks", "all"], '"all" is one word too many.'],
])("%j is not understood", (argv, message) => {
  expect(() => parse(argv)).toThrow(expect.objectContaining({ code: "USAGE", message }));
});

test("lists and help are asked for, and help names every verb", () => {
  expect(parse(["tasks", "--json"])).toEqual({ kind: "tasks", json: true });
  expect(parse(["groups"], main)).toEqual({ kind: "groups", json: false });
  for (const argv of [[], ["--help"], ["help"], ["send", "--help"]]) expect(parse(argv).kind).toBe("help");
  for (const verb of ["send", "schedule", "update", "pause", "resume", "cancel", "tasks", "groups", "register", "mcp"])
    expect(HELP).toContain(`novabot ${verb}`);
});

test.each(["1s", "90s", "10m", "1h30m", "2d", "1w", "1w2d3h4m5s"])("the duration %s is written as it is read", (text) => {
  expect(parseDuration(durationText(parseDuration(text)))).toBe(parseDuration(text));
  expect(durationText(parseDuration("90s"))).toBe("1m30s");
});
