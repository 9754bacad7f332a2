import { expect, test } from "vitest";
import { installAdvice } from "../../../../src/host/setup/advice.ts";
import { parseDistribution, readDistribution } from "../../../../src/host/machine/distribution.ts";

const debian = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian\n';
const mint = "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\nPRETTY_NAME='Linux Mint 22'\nVERSION_CODENAME=wilma\n";
const fedora = 'ID=fedora\nPRETTY_NAME="Fedora Linux 43"\n';
const rocky = 'ID="rocky"\nID_LIKE="rhel centos fedora"\nPRETTY_NAME="Rocky Linux 9"\n';

test("what os-release says is read", () => {
  expect(parseDistribution(debian)).toEqual({
    id: "debian",
    name: "Debian GNU/Linux 12 (bookworm)",
    codename: "bookworm",
    family: ["debian"],
    isDebian: true,
    isUbuntu: false,
  });
  expect(parseDistribution(mint)).toMatchObject({ name: "Linux Mint 22", isDebian: true, isUbuntu: true });
  expect(parseDistribution(fedora).isDebian).toBe(false);
});

test("a machine without the file has no name", async () => {
  expect(await readDistribution("/nonexistent")).toMatchObject({ id: "", isDebian: false });
});

test.each([
  ["linux", debian, "sudo apt-get install docker.io iptables"],
  ["linux", fedora, "sudo dnf install podman"],
  ["linux", rocky, "sudo dnf install podman"],
  ["linux", 'ID=opensuse-leap\nID_LIKE="suse opensuse"\n', "sudo zypper install docker"],
  ["linux", "ID=arch\n", "sudo pacman -S docker"],
  ["linux", "ID=alpine\n", "sudo apk add docker"],
  ["linux", "ID=other\nPRETTY_NAME=Other\n", "Other is not one that NovaBot knows"],
  ["darwin", "", "brew install container"],
  ["win32", "", "WSL 2"],
  ["freebsd", "", "Run NovaBot on Linux or macOS"],
])("on %s with %j the advice is to type something that works there", (platform, release, advice) => {
  expect(installAdvice(platform, parseDistribution(release))).toContain(advice);
});
