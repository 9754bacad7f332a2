import type * as z from "zod";
import { type Caller, mayAct } from "../../model/api/access.ts";
import type { APIAnswer, APICallName, APICalls, APIParams } from "../../model/api/calls.ts";
import { apiParamsSchemas } from "../../model/api/params.ts";
import { routes } from "../../model/api/routes.ts";
import { messageOf, NovaError, quote } from "../../model/errors.ts";
import type { Door, Operations } from "../operations.ts";
import { agentCalls } from "./agents.ts";
import { historyCalls } from "./history.ts";
import { houseCalls } from "./house.ts";
import { processCalls } from "./processes.ts";
import { workerCalls } from "./workers.ts";
import type { About, Carried, World } from "./world.ts";

interface By {
  readonly caller: Caller;
  readonly door: Door;
  readonly signal?: AbortSignal;
}

/** All calls, carried out with this world. */
export function openOperations(world: World): Operations {
  const carried: Carried<APICallName> = {
    ...processCalls(world),
    ...historyCalls(world),
    ...workerCalls(world),
    ...agentCalls(world),
    ...houseCalls(world),
  };

  const call = async <Name extends APICallName>(name: Name, params: unknown, by: By): Promise<APIAnswer<Name>> => {
    let about: About = {};
    const carry = async (): Promise<APIAnswer<Name>> => {
      checkRole(name, by.caller);
      const { signal } = by;
      return await carried[name](checkedParams(name, params), {
        caller: by.caller,
        signal,
        about: (facts) => (about = { ...about, ...facts }),
      });
    };
    if (!routes[name].changes) return await carry();
    try {
      const answer = await carry();
      await audit(world, name, by, about, "done");
      return answer;
    } catch (error) {
      await audit(world, name, by, about, error instanceof NovaError ? error.code : "INTERNAL");
      throw error;
    }
  };

  return {
    call,
    callUnknown: async (name, params, by) => await call(checkedName(name), params, by),
  };
}

/** Rejects with REQUEST_INVALID, which names the parameter. */
export function checkedParams<Name extends APICallName>(name: Name, params: unknown): APIParams<Name> {
  const schema: z.ZodType<APICalls[Name]["params"]> = apiParamsSchemas[name];
  const read = schema.safeParse(params);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const place = issue?.path.map(String).join(".") ?? "";
  const unknown = issue?.code === "unrecognized_keys" ? issue.keys.join(", ") : "";
  const at = [place, unknown].filter((text) => text !== "").join(".");
  throw new NovaError(
    "REQUEST_INVALID",
    `${at === "" ? name : `${at.slice(0, 200)} of ${name}`}: ${issue?.message ?? "is not valid"}`.slice(0, 2000),
    at === "" ? {} : { place: at.slice(0, 200) },
  );
}

export function checkRole(name: APICallName, caller: Caller): void {
  const { role } = routes[name];
  if (!mayAct(caller.role, role))
    throw new NovaError("ACCESS_FORBIDDEN", `the token ${quote(caller.name)} is a ${caller.role}'s, and ${name} needs ${role}`, {
      next: `Use a token with the role ${role}.`,
    });
}

function checkedName(name: string): APICallName {
  if (Object.hasOwn(routes, name)) return name as APICallName;
  throw new NovaError("NOT_FOUND", `there is no call ${quote(name)}`, { place: "name" });
}

async function audit(world: World, what: APICallName, { caller, door }: By, about: About, result: string): Promise<void> {
  const { worker = null, container = null, subject = null, facts = {} } = about;
  try {
    await world.store.putAudit({ atMs: world.now(), who: caller.name, door, what, worker, container, subject, result, facts });
  } catch (error) {
    // What was done is done, and the caller is told so; where the store takes nothing, the log keeps who did it.
    world.logger.error(
      { who: caller.name, door, what, worker, container, subject, result, reason: messageOf(error) },
      "an audit row could not be kept",
    );
  }
}
