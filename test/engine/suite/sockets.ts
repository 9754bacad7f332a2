import { once } from "node:events";
import { request } from "node:http";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import type { TestEngine } from "../../fixtures/engines/engines.ts";
import { run, specOf } from "../../fixtures/engines/containers.ts";

const images = join(dirname(fileURLToPath(import.meta.url)), "../../../images/agent");

/** Tries sockets of each kind, and the calls that get past a filter for sockets; says what came of each, one on a line. */
const prober = String.raw`
$| = 1;
use Errno;
sub code { my $number = $! + 0; for my $name (keys %!) { return $name if $!{$name} } return $number }
sub say2 { print "$_[0]=", ($_[1] ? "open" : code()), "\n" }
sub checksum { my $sum = 0; $sum += $_ for unpack "n*", $_[0]; $sum = ($sum >> 16) + ($sum & 0xffff) while $sum >> 16; return ~$sum & 0xffff }
my %kinds = (
  "tcp" => [2, 1, 0], "udp" => [2, 2, 0], "tcp6" => [10, 1, 0], "unix" => [1, 1, 0], "netlink" => [16, 3, 0],
  "raw icmp" => [2, 3, 1], "raw ip" => [2, 3, 255], "raw icmp6" => [10, 3, 58], "ping" => [2, 2, 1],
  "packet" => [17, 3, 0x0300], "key" => [15, 3, 2], "can" => [29, 3, 1], "bluetooth" => [31, 3, 1], "alg" => [38, 5, 0],
  "vsock" => [40, 1, 0], "xdp" => [44, 3, 0],
);
say2($_, socket(my $socket, $kinds{$_}[0], $kinds{$_}[1], $kinds{$_}[2])) for sort keys %kinds;
say2("vsock pair", socketpair(my $one, my $other, 40, 1, 0));
my $parameters = "\0" x 200;
say2("io_uring", syscall(425, 8, $parameters) >= 0);
for my $way (["raw", 3], ["ping", 2]) {
  next unless socket(my $icmp, 2, $way->[1], 1);
  my $echo = pack "C C n n n a*", 8, 0, 0, 7, 1, "novabot";
  substr($echo, 2, 2) = pack "n", checksum($echo);
  say2("$way->[0] to $_", send($icmp, $echo, 0, pack "S n C4 x8", 2, 0, split /\./, $_)) for "127.0.0.1", "169.254.169.254", "1.1.1.1";
}
if (socket(my $udp, 2, 2, 17)) {
  setsockopt $udp, 1, 6, 1;
  say2("udp to $_", send($udp, "question", 0, pack "S n C4 x8", 2, 53, split /\./, $_))
    for "169.254.169.254", "10.0.0.1", "172.17.0.1", "255.255.255.255", "224.0.0.251";
}
open my $status, "<", "/proc/self/status";
/^(Seccomp_filters|CapEff):\s*(\S+)/ and print "$1=$2\n" for <$status>;
`;

function results(output: string): Record<string, string> {
  return Object.fromEntries(
    output
      .trim()
      .split("\n")
      .map((line) => line.split("=") as [string, string]),
  );
}

/** Runs the probe as root of a container with a capability that NovaBot gives none, which takes the engine's own API. */
async function runCapable({ socket, image }: TestEngine, directory: string): Promise<Record<string, string>> {
  const ask = async (method: string, path: string, body?: object): Promise<string> => {
    const asked = request({
      socketPath: socket,
      method,
      path: `/v1.40${path}`,
      agent: false,
      headers: { "content-type": "application/json" },
    });
    asked.end(body && JSON.stringify(body));
    const [answer] = await once(asked, "response");
    return await text(answer);
  };
  const created = await ask("POST", "/containers/create", {
    Image: image,
    Entrypoint: ["/bin/bash", "-c", "perl /probe/probe.pl > /probe/found"],
    User: "0:0",
    Labels: { "novabot.test.suite": "engine" },
    HostConfig: {
      NetworkMode: "none",
      CapAdd: ["NET_RAW"],
      Binds: [`${directory}:/probe`],
      // As the driver has it for Podman, whose own may be more than this process has.
      Ulimits: ["nofile", "nproc"].map((Name) => ({ Name, Soft: 1024, Hard: 1024 })),
    },
  });
  const { Id: id } = JSON.parse(created) as { readonly Id: string };
  try {
    await ask("POST", `/containers/${id}/start`);
    await ask("POST", `/containers/${id}/wait`);
    return results(await readFile(join(directory, "found"), "utf8"));
  } finally {
    await ask("DELETE", `/containers/${id}?force=true`);
  }
}

/** What a container without a network can open and send by itself, from raw sockets to families that no network namespace holds. */
export function socketsSuite(fixture: () => TestEngine): void {
  describe("sockets", () => {
    test("nothing that a container opens leads out, whatever the family; the image's seal closes what the engine leaves", async () => {
      const directory = await mkdtemp(join(tmpdir(), "novabot-sockets-"));
      onTestFinished(async () => await rm(directory, { recursive: true }));
      await chmod(directory, 0o755);
      await writeFile(join(directory, "probe.pl"), prober);
      const probe = async (...before: string[]): Promise<Record<string, string>> => {
        const spec = specOf(fixture(), "", {
          entrypoint: [...before, "/bin/perl", "/probe/probe.pl"],
          mounts: [
            { source: directory, target: "/probe", readonly: true },
            { source: images, target: "/seal", readonly: true },
          ],
        });
        const { stdout, stderr } = await run(fixture().engine, spec);
        if (!stdout) throw new Error(stderr);
        return results(stdout);
      };

      // The probes open and send where that may be.
      const capable = await runCapable(fixture(), directory);
      expect(capable).toMatchObject({ "raw icmp": "open", "raw ip": "open", packet: "open", "raw to 127.0.0.1": "open" });

      const bare = await probe();
      const sealed = await probe("/bin/perl", "/seal/seal.pl");
      for (const found of [bare, sealed]) {
        expect(found).toMatchObject({ tcp: "open", udp: "open", unix: "open", netlink: "open", CapEff: "0000000000000000" });
        expect(found).toMatchObject({ "raw icmp": "EPERM", "raw ip": "EPERM" });
        for (const kind of ["packet", "raw icmp6", "key", "can", "bluetooth", "xdp"])
          expect([kind, found[kind]]).not.toEqual([kind, "open"]);
        const sent = Object.entries(found).filter(([way]) => / to (?!127)/.test(way));
        expect(sent.length).toBeGreaterThanOrEqual(5);
        for (const [way, result] of sent) expect([way, result]).toEqual([way, "ENETUNREACH"]);
      }
      // The kernel of a virtual machine opens it for anybody, whatever the container's network.
      expect(["open", "EAFNOSUPPORT", "EPERM"]).toContain(bare["vsock"]);
      expect(sealed).toMatchObject({
        ...Object.fromEntries(
          ["vsock", "vsock pair", "alg", "packet", "key", "can", "bluetooth", "xdp"].map((kind) => [kind, "EAFNOSUPPORT"]),
        ),
        io_uring: "ENOSYS",
        Seccomp_filters: String(Number(bare["Seccomp_filters"]) + 1),
      });
    });

    test("a program is started through the seal as it would be without it, and one that is missing is told", async () => {
      const sealed = async (...argv: string[]): ReturnType<typeof run> =>
        await run(
          fixture().engine,
          specOf(fixture(), "", {
            entrypoint: ["/bin/perl", "/seal/seal.pl", ...argv],
            mounts: [{ source: images, target: "/seal", readonly: true }],
          }),
          "input",
        );
      const { stdout, exitCode } = await sealed("/bin/bash", "-c", 'cat; echo " $1"; exit 7', "bash", "a b");
      expect([stdout, exitCode]).toEqual(["input a b\n", 7]);
      const missing = await sealed("/no/such");
      expect(missing.stderr).toContain("novabot: /no/such cannot be started");
      expect(missing.exitCode).not.toBe(0);
    });
  });
}
