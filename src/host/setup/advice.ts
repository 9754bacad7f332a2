import type { Distribution } from "../machine/distribution.ts";

/** What to type to get an engine on this machine, as one sentence. */
export function installAdvice(platform: string, distribution: Distribution): string {
  if (platform === "darwin") {
    return (
      "Install one of them and start it: Docker Desktop (`brew install --cask docker`, then open it), Podman (`brew install podman && " +
      "podman machine init && podman machine start`), or Apple's container (`brew install container && container system start`)."
    );
  }
  if (platform === "win32")
    return "Install Docker Desktop and run NovaBot inside WSL 2 (`wsl --install`), or use a Linux machine.";
  if (platform !== "linux") return "Run NovaBot on Linux or macOS, with Docker or Podman.";
  const commands: readonly (readonly [string, string])[] = [
    ["debian", "sudo apt-get install docker.io iptables"],
    ["ubuntu", "sudo apt-get install docker.io iptables"],
    ["fedora", "sudo dnf install podman && systemctl --user enable --now podman.socket"],
    ["rhel", "sudo dnf install podman && systemctl --user enable --now podman.socket"],
    ["suse", "sudo zypper install docker && sudo systemctl enable --now docker"],
    ["arch", "sudo pacman -S docker && sudo systemctl enable --now docker"],
    ["alpine", "sudo apk add docker && sudo rc-service docker start"],
  ];
  const found = commands.find(([family]) => distribution.family.some((name) => name === family || name.startsWith(`${family}-`)));
  const name = distribution.name === "" ? "This Linux" : distribution.name;
  return found
    ? `On ${name}: ${found[1]}.`
    : `${name} is not one that NovaBot knows: install Docker or Podman with its package manager and start it.`;
}
