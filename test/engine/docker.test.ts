import { describe } from "vitest";
import { withDocker } from "../fixtures/engines/engines.ts";
import { engineSuite } from "./suite/engine.ts";

describe("docker", () => {
  engineSuite(withDocker);
});
