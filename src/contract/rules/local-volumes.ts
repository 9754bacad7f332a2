import type { ComposeProject, Service } from "../compose/project.ts";
import type { Place } from "../source/place.ts";
import { cleaned } from "./mounted.ts";
import { textOf, under } from "./values.ts";

/** A named volume that a service mounts, with what its driver is told. */
export interface MountedVolume {
  readonly volume: string;
  /** `local` when none is written. */
  readonly driver: string;
  /** The kernel's name of a file system; empty when none is written. */
  readonly type: string;
  /** Without `..` where it is a path. */
  readonly device: string;
  /** The kernel then mounts the device's directory, whatever the type. */
  readonly isBind: boolean;
  readonly at: Place;
}

/** The engine mounts for a local volume whatever its options say: a disk, `/proc`, an overlay over any directory. */
export function localVolumes(project: ComposeProject, service: Service): readonly MountedVolume[] {
  return service.mounts.flatMap(({ kind, source, at }) => {
    if (kind !== "volume" || source === undefined) return [];
    const node = project.volumes.get(source.value)?.node;
    const options = under(node, "driver_opts");
    const device = under(options, "device");
    const written = textOf(device) ?? "";
    return [
      {
        volume: source.value,
        driver: textOf(under(node, "driver")) ?? "local",
        type: (textOf(under(options, "type")) ?? "").trim(),
        device: written.startsWith("/") ? cleaned(written) : written,
        isBind: /(?:^|,)\s*r?bind\s*(?:,|$)/.test(textOf(under(options, "o")) ?? ""),
        at: device?.at ?? under(node, "driver")?.at ?? at,
      },
    ];
  });
}
