import { describe } from "vitest";
import { withPodman } from "../fixtures/engines/engines.ts";
import { engineSuite } from "./suite/engine.ts";

describe("podman", () => {
  engineSuite(withPodman);
});
