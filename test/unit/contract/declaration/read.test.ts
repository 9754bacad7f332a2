import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { moduleNamed } from "../../../../src/contract/declaration/module-named.ts";
import { findContract } from "../../../../src/contract/declaration/find.ts";
import { parseContract, readContract } from "../../../../src/contract/declaration/read.ts";
import { NovaError } from "../../../../src/model/errors.ts";

const repository = join(import.meta.dirname, "../../../..");
let root = "";
beforeAll(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "novabot-contract-")));
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe("the shipped contract", () => {
  test("has the requirement's modules, ports and endpoints", async () => {
    const { modules } = await readContract(join(repository, "contract.yaml"));
    expect(
      modules.map(({ name, port, health }) => [
        name,
        `${port?.address ?? ""}:${String(port?.host)}->${String(port?.container)}`,
        health?.path,
      ]),
    ).toEqual([
      ["whatsapp-adapter-waha", "127.0.0.1:8102->3000", "/ping"],
      ["whatsapp-adapter-api", "127.0.0.1:8100->5000", "/healthz"],
      ["whatsapp-adapter-app", "127.0.0.1:8101->5000", "/healthz"],
      ["whatsapp-adapter-docs", "127.0.0.1:8103->8080", "/healthz"],
    ]);
    for (const module of modules) {
      expect(module.user).toEqual({ uid: 1001, gid: 1001, variables: { uid: "RUNTIME_UID", gid: "RUNTIME_GID" } });
      expect(module.restart).toBe("unless-stopped");
      expect(module.network.variable).toBe("PROJECT_INTERNAL_NETWORK");
      expect(module.secretFiles.prod).toBe(join(repository, `secrets/prod/${module.name}.env`));
      expect(module.envFiles).toEqual({ local: join(module.folder, ".env.local"), prod: join(module.folder, ".env.server") });
      expect(module.log).toMatch(/^\/app\/logs\/[a-z]+\.log$/);
    }
  });

  test("has the requirement's mounts, conf and provider sessions read-only", async () => {
    const { modules } = await readContract(join(repository, "contract.yaml"));
    const mounts = modules.map(({ name, mounts: all }) => [
      name,
      all.map(({ target, readonly }) => `${target}${readonly ? ":ro" : ""}`),
    ]);
    const usual = ["/app/data", "/app/logs", "/app/conf:ro"];
    expect(mounts).toEqual([
      ["whatsapp-adapter-waha", [...usual, "/app/.sessions", "/app/.media"]],
      ["whatsapp-adapter-api", [...usual, "/app/provider-sessions:ro"]],
      ["whatsapp-adapter-app", usual],
      ["whatsapp-adapter-docs", usual],
    ]);
    expect(modules[1]?.mounts.at(-1)?.source).toBe(modules[0]?.mounts[3]?.source);
  });
});

test("the example of docs/contract.md is one", async () => {
  const page = await readFile(join(repository, "docs/contract.md"), "utf8");
  const [text] = Array.from(page.matchAll(/^```yaml\n([^]*?)^```$/gm), (match) => match[1] ?? "");
  expect(parseContract("/p/contract.yaml", text ?? "").modules[0]).toMatchObject({ name: "shop", folder: "/p/services/shop" });
});

describe("a contract of another project", () => {
  const contract = (text: string): ReturnType<typeof parseContract> => parseContract("/p/contract.yaml", text);

  test("needs no more than folders", () => {
    const [shop] = contract("version: 1\nmodules:\n  shop: { folder: services/shop }\n").modules;
    expect(shop).toMatchObject({
      name: "shop",
      service: "shop",
      folder: "/p/services/shop",
      composeFiles: ["/p/services/shop/compose.yaml"],
      user: { uid: 1001, gid: 1001, variables: undefined },
      restart: "unless-stopped",
      port: undefined,
      health: undefined,
      mounts: [],
      log: undefined,
      at: { line: 3, column: 3 },
    });
  });

  test("may say otherwise for one module", () => {
    const [shop] = contract(
      "version: 1\ndefaults: { address: '::1', logs: /var/log/app, env: { local: .local, prod: .prod } }\nmodules:\n  shop:\n    folder: shop\n    service: web\n" +
        "    user: { uid: 33, gid: 33 }\n    restart: always\n    compose: [a.yaml, b.yaml]\n    port: { host: 80, container: 8080 }\n    health: { path: /up }\n    log: web.log\n",
    ).modules;
    expect(shop).toMatchObject({
      service: "web",
      user: { uid: 33, gid: 33, variables: undefined },
      restart: "always",
      composeFiles: ["/p/shop/a.yaml", "/p/shop/b.yaml"],
      port: { address: "::1", host: 80, container: 8080 },
      health: { path: "/up", port: 8080, body: undefined },
      log: "/var/log/app/web.log",
      envFiles: { local: "/p/shop/.local", prod: "/p/shop/.prod" },
    });
  });

  const wrong: readonly (readonly [what: string, text: string, place: string, message: string])[] = [
    ["broken YAML", "version: 1\nmodules: {\n", "3:1", "is not YAML"],
    ["an unknown field", "version: 1\nmodules:\n  shop:\n    folder: shop\n    prot: 1\n", "4:5", '"prot"'],
    ["no version", "modules: {}\n", "1:1", "version"],
    ["another version", "version: 2\nmodules: {}\n", "1:10", "version"],
    ["root", "version: 1\ndefaults:\n  user: { uid: 0, gid: 1 }\nmodules: {}\n", "3:16", "must not be root"],
    ["a folder outside", "version: 1\nmodules:\n  shop: { folder: ../shop }\n", "3:19", "must not leave"],
    ["an absolute folder", "version: 1\nmodules:\n  shop: { folder: /shop }\n", "3:19", "relative"],
    [
      "a source outside",
      "version: 1\nmodules:\n  shop: { folder: shop, mounts: [{ target: /a, source: ../../x }] }\n",
      "3:56",
      "outside the project",
    ],
    [
      "a target with ..",
      "version: 1\nmodules:\n  shop: { folder: shop, mounts: [{ target: /a/../b, source: x }] }\n",
      "3:44",
      "absolute path in the container",
    ],
    [
      "two mounts at one target",
      "version: 1\nmodules:\n  shop: { folder: shop, mounts: [{ target: /a, source: x }, { target: /a, source: y }] }\n",
      "3:61",
      "two mounts",
    ],
    [
      "an unknown rule",
      "version: 1\nmodules:\n  shop: { folder: shop, exceptions: [{ rule: sandbox, reason: x }] }\n",
      "3:46",
      'no rule "sandbox"',
    ],
    [
      "an exception without a reason",
      "version: 1\nmodules:\n  shop: { folder: shop, exceptions: [{ rule: init, reason: ' ' }] }\n",
      "3:60",
      "must say why",
    ],
    ["health without a port", "version: 1\nmodules:\n  shop: { folder: shop, health: { path: /up } }\n", "3:33", "needs a port"],
    [
      "one port twice",
      "version: 1\nmodules:\n  a: { folder: a, port: { host: 80, container: 1 } }\n  b: { folder: b, port: { host: 80, container: 1 } }\n",
      "4:25",
      "two modules publish",
    ],
    ["one folder twice", "version: 1\nmodules:\n  a: { folder: a }\n  b: { folder: ./a }\n", "4:16", "two modules in the folder"],
    ["an image with a tag", "version: 1\nmodules:\n  a: { folder: a, image: 'x/y:1' }\n", "3:26", "without a tag"],
    ["a log outside of logs", "version: 1\nmodules:\n  a: { folder: a, log: ../x.log }\n", "3:24", "must not leave"],
    ["the same key twice", "version: 1\nversion: 1\nmodules: {}\n", "2:1", "is not YAML"],
    ["an empty file", "", "1:1", "expected object"],
  ];
  test("is told in a sentence that begins with what comes first in the file", () => {
    const text = "version: 1\nmodules:\n  web:\n    folder: .\n    prot: 1\n    port: { host: 99999, container: 80 }\n";
    expect(() => contract(text)).toThrow(
      expect.objectContaining({
        message: 'The contract cannot be used: "modules.web": has unknown keys: "prot" (and 1 more).',
        place: expect.stringMatching(/:4:5$/),
      }) as Error,
    );
  });

  test.each(wrong)("with %s is refused at its place", (_, text, place, message) => {
    let thrown: unknown;
    try {
      contract(text);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(NovaError);
    expect(thrown).toMatchObject({ code: "CONTRACT_INVALID", place: `/p/contract.yaml:${place}` });
    expect(String(thrown)).toContain(message);
  });

  test("is refused with all that is wrong", () => {
    expect(() => contract("version: 2\nmodules:\n  shop: { prot: 1 }\n")).toThrow(
      expect.objectContaining({
        facts: {
          problems: expect.arrayContaining([
            expect.objectContaining({ place: "/p/contract.yaml:1:10" }),
            expect.objectContaining({ place: "/p/contract.yaml:3:9" }),
          ]) as unknown,
        },
      }) as Error,
    );
  });

  test("does not explode", () => {
    const levels = Array.from(
      { length: 12 },
      (_, index) =>
        `  x${String(index)}: &x${String(index)} [${
          index === 0
            ? "1"
            : Array(9)
                .fill(`*x${String(index - 1)}`)
                .join(", ")
        }]`,
    );
    expect(() => contract(`version: 1\nmodules:\n${levels.join("\n")}\n`)).toThrow(
      expect.objectContaining({ code: "CONTRACT_INVALID" }) as Error,
    );
  });
});

describe("finding it", () => {
  test("looks upwards", async () => {
    const project = join(root, "project");
    await mkdir(join(project, "modules/shop/conf"), { recursive: true });
    await writeFile(join(project, "contract.yaml"), "version: 1\nmodules: {}\n");
    // A directory of that name is none.
    await mkdir(join(project, "modules/contract.yaml"));
    expect(await findContract(join(project, "modules/shop/conf"))).toBe(join(project, "contract.yaml"));
    expect(await findContract(join(project, "modules/gone"))).toBe(join(project, "contract.yaml"));
    expect(await findContract(root)).toBeUndefined();
  });

  test("says what cannot be read", async () => {
    await expect(readContract(join(root, "gone.yaml"))).rejects.toMatchObject({ code: "CONTRACT_NOT_FOUND" });
    await expect(readContract(root)).rejects.toMatchObject({ code: "CONTRACT_INVALID" });
    await symlink("loop", join(root, "loop"));
    await expect(readContract(join(root, "loop"))).rejects.toMatchObject({ code: "CONTRACT_INVALID" });
    await writeFile(join(root, "large.yaml"), "#".repeat(6 * 1024 * 1024));
    await expect(readContract(join(root, "large.yaml"))).rejects.toMatchObject({ code: "CONTRACT_INVALID" });
  });
});

describe("naming a module", () => {
  const text = "version: 1\nmodules:\n  app-web: { folder: a }\n  app-api: { folder: b }\n  old-web: { folder: c }\n";
  const contract = parseContract("/p/contract.yaml", text);

  test("takes its name or its end", () => {
    expect(moduleNamed(contract, "app-web").name).toBe("app-web");
    expect(moduleNamed(contract, "api").name).toBe("app-api");
  });

  test("tells of the names when there is none, or more than one", () => {
    expect(() => moduleNamed(contract, "web")).toThrow(
      expect.objectContaining({ code: "MODULE_NOT_FOUND", next: "Use one of: app-web, old-web." }) as Error,
    );
    expect(() => moduleNamed(contract, "pi")).toThrow(expect.objectContaining({ code: "MODULE_NOT_FOUND" }) as Error);
  });
});
