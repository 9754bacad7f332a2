import { describe, expect, test } from "vitest";
import { type AccessShelf, type Access, type KeptSession, type KeptToken } from "../../../../src/orchestrator/access/access.ts";
import { openAccess } from "../../../../src/orchestrator/access/open-access.ts";

const LOCAL = "the-local-token-of-this-test-0123456789";

interface Shelf extends AccessShelf {
  kept: { tokens: readonly KeptToken[]; sessions: readonly KeptSession[] };
}

function memoryShelf(): Shelf {
  const kept: Shelf["kept"] = { tokens: [], sessions: [] };
  return {
    kept,
    installation: "0a1b2c3d",
    tokens: async () => kept.tokens,
    putTokens: async (tokens) => void (kept.tokens = tokens),
    sessions: async () => kept.sessions,
    putSessions: async (sessions) => void (kept.sessions = sessions),
  };
}

interface House {
  readonly access: Access;
  readonly shelf: Shelf;
  readonly clock: { nowMs: number };
  again(token?: string): Promise<Access>;
}

async function openHouse(): Promise<House> {
  const shelf = memoryShelf();
  const clock = { nowMs: 1_700_000_000_000 };
  const again = async (localToken = LOCAL): Promise<Access> =>
    await openAccess({ shelf, localToken, hosts: { names: ["nova.example"], anyAddress: false }, now: () => clock.nowMs });
  return { access: await again(), shelf, clock, again };
}

const ask = (headers: Record<string, string> = {}, url = "http://127.0.0.1:7780/api/status"): Request =>
  new Request(url, { headers: { host: new URL(url).host, ...headers } });
const from = (request: Request, peerAddress = "127.0.0.1"): { request: Request; peerAddress: string } => ({
  request,
  peerAddress,
});
const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
const cookieOf = (setCookie: string): string => setCookie.split(";", 1)[0] ?? "";

describe("tokens", () => {
  test("this machine's own is an admin's, and another comes with its role", async () => {
    const { access } = await openHouse();
    expect(await access.admit(from(ask(bearer(LOCAL))), "change")).toEqual({ name: "local", role: "admin" });
    const token = await access.tokens.add("grafana", "viewer");
    expect(token).toMatch(/^nova_[A-Za-z0-9_-]{43}$/);
    expect(await access.admit(from(ask(bearer(token))), "read")).toEqual({ name: "grafana", role: "viewer" });
  });

  test("are kept by their digests alone", async () => {
    const { access, shelf } = await openHouse();
    const token = await access.tokens.add("grafana", "viewer");
    const session = await access.login(from(ask()), token);
    const text = JSON.stringify(shelf.kept);
    expect(text).not.toContain(token);
    expect(text).not.toContain(LOCAL);
    expect(text).not.toContain(cookieOf(session.cookie).split("=")[1]);
    expect(await access.tokens.list()).toEqual([
      { name: "local", role: "admin", createdAtMs: 1_700_000_000_000 },
      { name: "grafana", role: "viewer", createdAtMs: 1_700_000_000_000 },
    ]);
  });

  test.each([
    ["none", {}],
    ["another", bearer("nova_of_nobody")],
    ["two", { authorization: `Bearer ${LOCAL}, Bearer ${LOCAL}` }],
    ["of another scheme", { authorization: `Basic ${btoa(`local:${LOCAL}`)}` }],
    ["empty", { authorization: "Bearer " }],
    ["the digest in place of the token", bearer("0".repeat(64))],
  ])("let nobody in with %s", async (_what, headers) => {
    const { access } = await openHouse();
    await expect(access.admit(from(ask(headers)), "read")).rejects.toMatchObject({
      code: "ACCESS_DENIED",
    });
  });

  test("that are removed let nobody in, end what they opened, and their sessions", async () => {
    const { access } = await openHouse();
    const token = await access.tokens.add("laptop", "operator");
    const { cookie, caller } = await access.login(from(ask()), token);
    const ended = access.ended(caller);
    await access.tokens.remove("laptop");
    expect(ended.aborted).toBe(true);
    await expect(access.admit(from(ask(bearer(token))), "read")).rejects.toMatchObject({ code: "ACCESS_DENIED" });
    await expect(access.admit(from(ask({ cookie: cookieOf(cookie) })), "read")).rejects.toMatchObject({ code: "ACCESS_DENIED" });
    // Another of that name is another's, and its sessions do not come back.
    await access.tokens.add("laptop", "admin");
    await expect(access.admit(from(ask({ cookie: cookieOf(cookie) })), "read")).rejects.toMatchObject({ code: "ACCESS_DENIED" });
  });

  test("have one name each, and this machine's own stays", async () => {
    const { access } = await openHouse();
    await access.tokens.add("one", "viewer");
    await expect(access.tokens.add("one", "viewer")).rejects.toMatchObject({ code: "REQUEST_INVALID", place: "name" });
    await expect(access.tokens.add("../one", "viewer")).rejects.toMatchObject({ code: "REQUEST_INVALID", place: "name" });
    await expect(access.tokens.remove("local")).rejects.toMatchObject({ code: "REQUEST_INVALID" });
    await expect(access.tokens.remove("two")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("outlive a restart; a new one of this machine takes the old one's place and ends its sessions", async () => {
    const { access, again } = await openHouse();
    const token = await access.tokens.add("one", "viewer");
    const { cookie } = await access.login(from(ask()), LOCAL);
    const second = await again();
    expect(await second.admit(from(ask(bearer(token))), "read")).toMatchObject({ name: "one" });
    expect(await second.admit(from(ask({ cookie: cookieOf(cookie) })), "read")).toMatchObject({ name: "local" });
    const third = await again("another-local-token-of-this-test-0123456");
    await expect(third.admit(from(ask(bearer(LOCAL))), "read")).rejects.toMatchObject({ code: "ACCESS_DENIED" });
    await expect(third.admit(from(ask({ cookie: cookieOf(cookie) })), "read")).rejects.toMatchObject({ code: "ACCESS_DENIED" });
  });
});

describe("sessions", () => {
  const origin = "http://127.0.0.1:7780";

  test("begin with a cookie that no script reads and no other site sends", async () => {
    const { access } = await openHouse();
    const { cookie } = await access.login(from(ask()), LOCAL);
    expect(cookie).toMatch(/^novabot_session_0a1b2c3d=[A-Za-z0-9_-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=2592000$/);
    const under = await access.login(from(ask({}, "https://nova.example/")), LOCAL);
    expect(under.cookie).toMatch(/^__Host-novabot_session_0a1b2c3d=.*; Secure$/);
  });

  test("read without an Origin, and change and open sockets with this house's own alone", async () => {
    const { access } = await openHouse();
    const cookie = cookieOf((await access.login(from(ask()), LOCAL)).cookie);
    expect(await access.admit(from(ask({ cookie })), "read")).toMatchObject({ name: "local" });
    for (const purpose of ["change", "socket"] as const) {
      await expect(access.admit(from(ask({ cookie })), purpose)).rejects.toMatchObject({ code: "ACCESS_FORBIDDEN" });
      const other = from(ask({ cookie, origin: "http://127.0.0.1:8080" }));
      await expect(access.admit(other, purpose)).rejects.toMatchObject({ code: "ACCESS_FORBIDDEN" });
      expect(await access.admit(from(ask({ cookie, origin })), purpose)).toMatchObject({ name: "local" });
    }
  });

  test("end by logging out, and after thirty days", async () => {
    const { access, clock } = await openHouse();
    const first = cookieOf((await access.login(from(ask()), LOCAL)).cookie);
    const second = cookieOf((await access.login(from(ask()), LOCAL)).cookie);
    expect(await access.logout(ask({ cookie: first }))).toMatch(/^novabot_session_0a1b2c3d=; .*Max-Age=0/);
    await expect(access.admit(from(ask({ cookie: first })), "read")).rejects.toMatchObject({ code: "ACCESS_DENIED" });
    expect(await access.admit(from(ask({ cookie: second })), "read")).toMatchObject({ name: "local" });
    clock.nowMs += 30 * 86_400_000;
    await expect(access.admit(from(ask({ cookie: second })), "read")).rejects.toMatchObject({ code: "ACCESS_DENIED" });
  });

  test("are of no use to pages of other servers on this host, but for a link", async () => {
    const { access } = await openHouse();
    const cookie = cookieOf((await access.login(from(ask()), LOCAL)).cookie);
    const asked = (site: string, mode: string): ReturnType<Access["admit"]> =>
      access.admit(from(ask({ cookie, "sec-fetch-site": site, "sec-fetch-mode": mode })), "read");
    await expect(asked("same-site", "no-cors")).rejects.toMatchObject({ code: "ACCESS_FORBIDDEN" });
    await expect(asked("cross-site", "cors")).rejects.toMatchObject({ code: "ACCESS_FORBIDDEN" });
    expect(await asked("same-site", "navigate")).toMatchObject({ name: "local" });
    expect(await asked("same-origin", "cors")).toMatchObject({ name: "local" });
    expect(await asked("none", "navigate")).toMatchObject({ name: "local" });
  });

  test("that one token begins by the thousand end no other's", async () => {
    const { access, shelf } = await openHouse();
    const mine = cookieOf((await access.login(from(ask()), LOCAL)).cookie);
    const token = await access.tokens.add("grafana", "viewer");
    for (let login = 0; login < 1001; login += 1) await access.login(from(ask()), token);
    expect(shelf.kept.sessions).toHaveLength(1000);
    expect(await access.admit(from(ask({ cookie: mine })), "read")).toMatchObject({ name: "local" });
  });

  test("are found beside cookies that another server of the host put there", async () => {
    const { access } = await openHouse();
    const cookie = cookieOf((await access.login(from(ask()), LOCAL)).cookie);
    const planted = from(ask({ cookie: `novabot_session_0a1b2c3d=planted; other=1; ${cookie}` }));
    expect(await access.admit(planted, "read")).toMatchObject({ name: "local" });
  });
});

describe("what ends with a right", () => {
  test("ends also when it is opened after the right went", async () => {
    const { access } = await openHouse();
    const token = await access.tokens.add("laptop", "operator");
    const caller = await access.admit(from(ask(bearer(token))), "socket");
    await access.tokens.remove("laptop");
    const again = await access.tokens.add("laptop", "operator");
    expect(access.ended(caller).aborted).toBe(true);
    expect(access.ended(await access.admit(from(ask(bearer(again))), "socket")).aborted).toBe(false);
  });

  test("is what a session's ticket opens, and a ticket whose session has ended opens nothing", async () => {
    const { access } = await openHouse();
    const cookie = cookieOf((await access.login(from(ask()), LOCAL)).cookie);
    const caller = await access.admit(from(ask({ cookie })), "read");
    const scope = { worker: "factory", caller, readonly: false, record: false };
    const [used, unused] = [await access.tickets.issue(scope), await access.tickets.issue(scope)];
    const redeemed = await access.tickets.redeem(from(ask()), "factory", used.ticket);
    const signal = access.ended(redeemed.caller);
    expect(signal.aborted).toBe(false);
    await access.logout(ask({ cookie }));
    expect(signal.aborted).toBe(true);
    await expect(access.tickets.redeem(from(ask()), "factory", unused.ticket)).rejects.toMatchObject({ code: "ACCESS_DENIED" });
  });
});

describe("tickets", () => {
  const scope = { worker: "factory", caller: { name: "local", role: "admin" as const }, readonly: true, record: false };

  test("let in once, to their worker, within half a minute", async () => {
    const { access, clock } = await openHouse();
    const { ticket, expiresAtMs } = await access.tickets.issue(scope);
    expect(expiresAtMs - clock.nowMs).toBe(30_000);
    expect(await access.tickets.redeem(from(ask()), "factory", ticket)).toEqual(scope);
    await expect(access.tickets.redeem(from(ask()), "factory", ticket)).rejects.toMatchObject({ code: "ACCESS_DENIED" });
    const other = await access.tickets.issue(scope);
    await expect(access.tickets.redeem(from(ask()), "bench", other.ticket)).rejects.toMatchObject({ code: "ACCESS_DENIED" });
    const late = await access.tickets.issue(scope);
    clock.nowMs += 30_000;
    await expect(access.tickets.redeem(from(ask()), "factory", late.ticket)).rejects.toMatchObject({ code: "ACCESS_DENIED" });
  });

  test("are worth nothing once their caller's token is gone", async () => {
    const { access } = await openHouse();
    await access.tokens.add("laptop", "operator");
    const caller = { name: "laptop", role: "operator" as const };
    const { ticket } = await access.tickets.issue({ ...scope, caller });
    await access.tokens.remove("laptop");
    await expect(access.tickets.redeem(from(ask()), "factory", ticket)).rejects.toMatchObject({ code: "ACCESS_DENIED" });
  });
});

describe("failures", () => {
  const fail = async (access: Access, peer: string): Promise<{ code: string; facts: { retryAfterS?: number } }> =>
    await access.admit(from(ask(bearer("nova_wrong")), peer), "read").then(
      () => expect.unreachable(),
      (error: unknown) => error as { code: string; facts: { retryAfterS?: number } },
    );

  test("make an address wait longer each time, also for the right token, and nobody else", async () => {
    const { access, clock } = await openHouse();
    const waits: number[] = [];
    for (let attempt = 0; attempt < 16; attempt += 1) {
      expect((await fail(access, "192.0.2.7")).code).toBe("ACCESS_DENIED");
      const next = await fail(access, "192.0.2.7");
      if (next.code !== "ACCESS_LIMITED") continue;
      const waitS = next.facts.retryAfterS ?? 0;
      waits.push(waitS);
      await expect(access.admit(from(ask(bearer(LOCAL)), "192.0.2.7"), "read")).rejects.toMatchObject({ code: "ACCESS_LIMITED" });
      expect(await access.admit(from(ask(bearer(LOCAL)), "192.0.2.8"), "read")).toMatchObject({ name: "local" });
      clock.nowMs += waitS * 1000;
    }
    expect(waits).toEqual([...waits].toSorted((a, b) => a - b));
    expect(waits.slice(0, 3)).toEqual([1, 2, 4]);
    expect(waits.at(-1)).toBe(300);
    expect(await access.admit(from(ask(bearer(LOCAL)), "192.0.2.7"), "read")).toMatchObject({ name: "local" });
  });

  test("keep nobody out who had come in from that address", async () => {
    const { access } = await openHouse();
    const cookie = cookieOf((await access.login(from(ask()), LOCAL)).cookie);
    await access.admit(from(ask({ cookie })), "read");
    for (let attempt = 0; attempt < 20; attempt += 1) await fail(access, "127.0.0.1");
    expect((await fail(access, "127.0.0.1")).code).toBe("ACCESS_LIMITED");
    expect(await access.admit(from(ask({ cookie })), "read")).toMatchObject({ name: "local" });
    expect(await access.admit(from(ask(bearer(LOCAL))), "read")).toMatchObject({ name: "local" });
  });

  test("of others on this machine keep out none of its own programs, though they came never before", async () => {
    const { access } = await openHouse();
    const token = await access.tokens.add("grafana", "viewer");
    for (let attempt = 0; attempt < 8; attempt += 1) await fail(access, "127.0.0.1");
    await expect(access.admit(from(ask(bearer(token))), "read")).rejects.toMatchObject({ code: "ACCESS_LIMITED" });
    expect(await access.admit(from(ask(bearer(LOCAL))), "read")).toMatchObject({ name: "local" });
  });

  test("that come all at once are counted one by one", async () => {
    const { access } = await openHouse();
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => fail(access, "192.0.2.7")));
    expect(outcomes.filter(({ code }) => code === "ACCESS_DENIED")).toHaveLength(5);
  });

  test("are those of the network that an address of IPv6 is in", async () => {
    const { access } = await openHouse();
    for (let host = 1; host < 8; host += 1) await fail(access, `2001:db8:1:2::${host}`);
    expect((await fail(access, "2001:db8:1:2:ffff::1")).code).toBe("ACCESS_LIMITED");
    expect((await fail(access, "2001:db8:1:3::1")).code).toBe("ACCESS_DENIED");
  });

  test("are not counted where no token was given, and are forgotten", async () => {
    const { access, clock } = await openHouse();
    for (let attempt = 0; attempt < 20; attempt += 1)
      await expect(access.admit(from(ask(), "192.0.2.7"), "read")).rejects.toMatchObject({ code: "ACCESS_DENIED" });
    for (let attempt = 0; attempt < 4; attempt += 1) await fail(access, "192.0.2.7");
    clock.nowMs += 900_000;
    for (let attempt = 0; attempt < 4; attempt += 1) expect((await fail(access, "192.0.2.7")).code).toBe("ACCESS_DENIED");
    expect(await access.admit(from(ask(bearer(LOCAL)), "192.0.2.7"), "read")).toMatchObject({ name: "local" });
  });
});
