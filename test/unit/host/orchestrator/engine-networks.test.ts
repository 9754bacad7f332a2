import { mkdirSync, writeFileSync } from "node:fs";
import type { networkInterfaces } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isContainer, type NetworkView } from "../../../../src/host/orchestrator/engine-networks.ts";
import { temporaryDirectory } from "../../../fixtures/home.ts";

type Interfaces = ReturnType<typeof networkInterfaces>;

const at = (address: string, bits: number, family: "IPv4" | "IPv6" = "IPv4"): Interfaces[string] => {
  const rest = { cidr: `${address}/${bits}`, netmask: "", mac: "", internal: false };
  return [family === "IPv4" ? { address, family, ...rest } : { address, family, scopeid: 0, ...rest }];
};

/** A machine with two engines' bridges, one that leads to its network, one with a virtual machine, and a card. */
async function machine(): Promise<NetworkView> {
  const sysfs = await temporaryDirectory();
  const device = (name: string, ...files: string[]): void => {
    mkdirSync(join(sysfs, name), { recursive: true });
    for (const file of files) writeFileSync(join(sysfs, name, file), "");
  };
  const bridge = (name: string, ...ports: string[]): void => {
    for (const part of ["bridge", "brif"]) mkdirSync(join(sysfs, name, part), { recursive: true });
    for (const port of ports) writeFileSync(join(sysfs, name, "brif", port), "");
  };
  device("eth0", "device");
  device("eth1", "device");
  device("veth1");
  device("veth2");
  device("tap0", "tun_flags");
  bridge("docker0", "veth1");
  bridge("whatever7", "veth2");
  bridge("br0", "eth1", "veth2");
  bridge("virbr0", "tap0");
  const interfaces = (): Interfaces => ({
    lo: at("127.0.0.1", 8),
    eth0: at("10.0.0.5", 8),
    docker0: at("172.17.0.1", 16),
    whatever7: at("fd00:1::1", 64, "IPv6"),
    br0: at("192.168.1.2", 24),
    virbr0: at("192.168.122.1", 24),
  });
  return { interfaces, sysfs };
}

test.each([
  ["172.17.0.2", true],
  ["::ffff:172.17.0.2", true],
  ["fd00:1::5", true],
  ["fd00:1::5%whatever7", true],
  ["172.17.0.1", false],
  ["172.18.0.2", false],
  ["fd00:2::5", false],
  ["192.168.1.9", false],
  ["192.168.122.9", false],
  ["10.1.2.3", false],
  ["127.0.0.1", false],
  ["", false],
])("%j is a container: %s", async (address, is) => expect(isContainer(address, await machine())).toBe(is));

test("the kernel is not asked for each who comes, but for who is in no network that was known", async () => {
  const view = await machine();
  let asked = 0;
  const counting: NetworkView = { ...view, interfaces: () => ((asked += 1), view.interfaces()) };
  for (let time = 0; time < 100; time += 1) {
    expect(isContainer("127.0.0.1", counting)).toBe(false);
    expect(isContainer("172.17.0.2", counting)).toBe(true);
    expect(isContainer("10.1.2.3", counting)).toBe(false);
  }
  expect(asked).toBeLessThan(10);
  const before = asked;
  expect(isContainer("172.18.0.2", counting)).toBe(false);
  expect(asked).toBe(before + 1);
});
