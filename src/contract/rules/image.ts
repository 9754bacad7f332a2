import { quote } from "../../model/errors.ts";
import { builtFrom } from "./built.ts";
import type { PaperRule } from "./paper-rule.ts";

export const imageRule: PaperRule = {
  id: "image",
  scope: "declared",
  check({ service, declared }, tell) {
    if (declared.image === undefined) {
      tell.notApplicable();
      return;
    }
    const { image, build } = service;
    if (image === undefined) {
      tell({
        message: `${service.name} does not run the image ${quote(declared.image)}`,
        fix: `Write \`image: ${declared.image}:TAG\`.`,
        at: build?.at ?? service.at,
      });
    } else if (wholeName(parted(image.value).name) !== wholeName(declared.image)) {
      tell({
        message: `the image is ${quote(parted(image.value).name)}, not ${quote(declared.image)}`,
        fix: `Write \`image: ${declared.image}:TAG\`.`,
        at: image.at,
      });
    }
  },
};

export const imagePinnedRule: PaperRule = {
  id: "image-pinned",
  scope: "service",
  check(subject, tell) {
    const { service } = subject;
    const { image, build } = service;
    if (build === undefined) {
      const why = image === undefined ? undefined : loose(image.value);
      if (image !== undefined && why !== undefined)
        tell({ message: why, fix: "Name a version, or better a digest.", at: image.at });
      return;
    }
    const built = builtFrom(subject, service);
    for (const stage of built?.dockerfile.stages ?? []) {
      const why = stage.parent !== undefined || stage.base === "scratch" || stage.base === "" ? undefined : loose(stage.base);
      if (why !== undefined) tell({ message: why, fix: "Name a version, or better a digest.", at: stage.at });
    }
  },
};

/** Why the name may be another image tomorrow. */
function loose(reference: string): string | undefined {
  const { name, tag, digest } = parted(reference);
  if (digest !== undefined) return undefined;
  if (tag === undefined) return `${quote(name)} has no tag: it is whatever is latest`;
  return /\d/.test(tag) ? undefined : `the tag ${quote(tag)} of ${quote(name)} is another image tomorrow`;
}

function parted(reference: string): {
  readonly name: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
} {
  const [before = "", digest] = reference.split("@");
  const colon = before.indexOf(":", before.lastIndexOf("/") + 1);
  return colon === -1
    ? { name: before, tag: undefined, digest }
    : { name: before.slice(0, colon), tag: before.slice(colon + 1), digest };
}

/** As engines complete it. */
function wholeName(name: string): string {
  const [host = "", ...rest] = name.split("/");
  if (rest.length > 0 && (/[.:]/.test(host) || host === "localhost")) {
    return host === "index.docker.io" ? `docker.io/${rest.join("/")}` : name;
  }
  return rest.length === 0 ? `docker.io/library/${name}` : `docker.io/${name}`;
}
