import { expect, test } from "vitest";
import { askDoor } from "../../../src/client/rest.ts";

const ask = (failure: Error): Promise<unknown> => {
  const fetch = (): Promise<never> => Promise.reject(new TypeError("fetch failed", { cause: failure }));
  return askDoor({ url: "https://nova.example", headers: {}, fetch }, "access.me", {});
};

test("why nobody answers is told, and of a certificate how it comes to be trusted", async () => {
  const code = "ORCHESTRATOR_NOT_RUNNING";
  const refused = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
  await expect(ask(refused)).rejects.toMatchObject({
    ...{ code, next: expect.stringContaining("novabot up") as string },
    message: "No orchestrator answers at https://nova.example: connect ECONNREFUSED.",
  });
  const unknown = Object.assign(new Error("self-signed certificate"), { code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
  await expect(ask(unknown)).rejects.toMatchObject({ code, next: expect.stringContaining("NODE_EXTRA_CA_CERTS") as string });
});
