import { expect, test } from "vitest";
import { readWhole, shown } from "./project-files.ts";

test("a value stands where it was written, its quotes included", async () => {
  const { services } = await readWhole("services:\n  web:\n    image: nginx\n    user: \"1001:1001\"\n    restart: 'no' # why\n");
  const web = services.get("web");
  expect(shown(web?.at)).toBe("2:3-6");
  expect(shown(web?.image?.at)).toBe("3:12-17");
  expect(shown(web?.user?.at)).toBe("4:11-22");
  expect(shown(web?.restart?.at)).toBe("5:14-18");
});

test("the parts of a short mount stand each in its own place", async () => {
  const { services } = await readWhole(`services:
  web:
    image: x
    volumes:
      - ./data:/app/data
      - "./conf:/app/conf:RO"
      - \${DATA:-./more}:/app/more:ro
`);
  const mounts = services.get("web")?.mounts ?? [];
  expect(mounts.map(({ source, target, mode }) => [shown(source?.at), shown(target.at), shown(mode?.at)])).toEqual([
    ["5:9-15", "5:16-25", undefined],
    ["6:10-16", "6:17-26", "6:27-29"],
    ["7:9-24", "7:25-34", "7:35-37"],
  ]);
  expect(mounts.map(({ readonly, mode, syntax }) => [readonly, mode?.value, syntax])).toEqual([
    [false, undefined, "short"],
    [false, "RO", "short"],
    [true, "ro", "short"],
  ]);
});

test("a long mount is told from a short one", async () => {
  const { services, directory } = await readWhole(
    "services:\n  web:\n    image: x\n    volumes:\n      - type: bind\n        source: ./a\n        target: /a\n        read_only: true\n",
  );
  const [mount] = services.get("web")?.mounts ?? [];
  expect(mount).toMatchObject({ kind: "bind", readonly: true, syntax: "long", source: { value: `${directory}/a` } });
  expect(shown(mount?.mode?.at)).toBe("8:20-24");
});

test("the parts of a short port stand each in its own place", async () => {
  const { services } = await readWhole(
    'services:\n  web:\n    image: x\n    ports: ["127.0.0.1:${PORT:-8102}:3000", 81:80, "90"]\n',
  );
  const ports = services.get("web")?.ports ?? [];
  expect(
    ports.map(({ hostAddress, published, target }) => [shown(hostAddress?.at), shown(published?.at), shown(target.at)]),
  ).toEqual([
    ["4:14-23", "4:24-37", "4:38-42"],
    [undefined, "4:45-47", "4:48-50"],
    [undefined, undefined, "4:53-55"],
  ]);
});

test("a port whose variable is not set is published at random", async () => {
  const { services } = await readWhole('services: {web: {image: x, ports: ["127.0.0.1:${UNSET}:5000"]}}\n');
  expect(services.get("web")?.ports).toMatchObject([
    { hostAddress: { value: "127.0.0.1" }, published: undefined, target: { value: 5000 } },
  ]);
});

test("of two mounts on one target the last one counts", async () => {
  const { services } = await readWhole("services: {web: {image: x, volumes: ['./a:/x:ro', './b:/y', './c:/x/']}}\n");
  const mounts = services.get("web")?.mounts ?? [];
  expect(mounts.map(({ source, target }) => [source?.value.split("/").at(-1), target.value])).toEqual([
    ["c", "/x"],
    ["b", "/y"],
  ]);
});

test("names and values of an environment stand apart, in a list and in a mapping", async () => {
  const { services } = await readWhole(`services:
  web:
    image: x
    environment:
      - ONE=1
      - "TWO=a \${B:-b}"
      - THREE
  api:
    image: x
    environment:
      FOUR: 4
      FIVE:
`);
  const environment = [...(services.get("web")?.environment ?? []), ...(services.get("api")?.environment ?? [])];
  expect(environment.map(([name, { value, key, node }]) => [name, value, shown(key), shown(node.at), node.written])).toEqual([
    ["ONE", "1", "5:9-12", "5:13-14", "1"],
    ["TWO", "a b", "6:10-13", "6:14-23", "a ${B:-b}"],
    ["THREE", null, "7:9-14", "7:9-14", ""],
    ["FOUR", "4", "11:7-11", "11:13-14", "4"],
    ["FIVE", null, "12:7-11", expect.anything(), ""],
  ]);
});

test("of what is merged the winning value's place counts, in whichever file", async () => {
  const { services } = await readWhole({
    "compose.yaml": `x-base: &base
  restart: always
  user: "1"
services:
  web:
    <<: *base
    extends: {file: common.yaml, service: common}
    environment: {A: base, B: base}
`,
    "override.yaml": "services:\n  web:\n    user: '2'\n    environment: {B: over}\n",
    "common.yaml": "services:\n  common:\n    image: common\n    environment:\n      C: common\n",
  });
  const web = services.get("web");
  expect(shown(web?.restart?.at)).toBe("2:12-18");
  expect(shown(web?.user?.at)).toBe("override.yaml:3:11-14");
  expect(shown(web?.image?.at)).toBe("common.yaml:3:12-18");
  expect([...(web?.environment ?? [])].map(([name, { node, key }]) => [name, shown(key), shown(node.at)])).toEqual([
    ["C", "common.yaml:5:7-8", "common.yaml:5:10-16"],
    ["A", "8:19-20", "8:22-26"],
    ["B", "override.yaml:4:19-20", "override.yaml:4:22-26"],
  ]);
});

test("the variables of a value are told, and whether they are set", async () => {
  const { networks } = await readWhole(
    "services: {web: {image: x, networks: [n]}}\nnetworks:\n  n:\n    external: true\n    name: ${PROJECT_INTERNAL_NETWORK:-novabot-internal}\n",
  );
  expect(networks.get("n")).toMatchObject({
    external: { value: true },
    engineName: "novabot-internal",
    name: {
      value: "novabot-internal",
      written: "${PROJECT_INTERNAL_NETWORK:-novabot-internal}",
      variables: [{ name: "PROJECT_INTERNAL_NETWORK", unset: true }],
    },
  });
});

test("a name that Compose makes up is nobody's", async () => {
  const { networks, volumes } = await readWhole(
    "name: mine\nservices: {web: {image: x, volumes: ['vol:/v']}}\nvolumes: {vol: }\n",
  );
  expect(networks.get("default")).toMatchObject({ engineName: "mine_default", name: undefined, external: undefined });
  expect(volumes.get("vol")).toMatchObject({ engineName: "mine_vol", external: false });
});

test("places hold behind a byte order mark, CRLF and wide characters", async () => {
  const { services } = await readWhole("\uFEFFservices:\r\n  web:\r\n    labels: {é: 😀}\r\n    image: x\r\n");
  expect(shown(services.get("web")?.image?.at)).toBe("4:12-13");
  expect(shown(services.get("web")?.labels.get("é")?.at)).toBe("3:17-19");
});
