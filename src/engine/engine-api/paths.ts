import { NovaError, quote } from "../../model/errors.ts";

/** The API's path of a container, by id or name. */
export function containerPath(id: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,255}$/.test(id)) {
    throw new NovaError("CONTAINER_NOT_FOUND", `${quote(id)} cannot be a container's id or name.`);
  }
  return `/containers/${id}`;
}

/** The API's path of an image, by reference or id. */
export function imagePath(reference: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.:@/-]{0,511}$/.test(reference) || /(^|\/)\.{0,2}(\/|$)/.test(reference)) {
    throw new NovaError("IMAGE_NOT_FOUND", `${quote(reference)} cannot be an image's name.`, {
      next: "Name the image like novabot-agent:latest.",
    });
  }
  return `/images/${reference}`;
}

/** The API's path of a network, by name or id. */
export function networkPath(name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,255}$/.test(name)) {
    throw new NovaError("ENGINE_REFUSED", `${quote(name)} cannot be a network's name.`, {
      next: "Use letters, digits, dots, hyphens and underscores, beginning with a letter or digit.",
    });
  }
  return `/networks/${name}`;
}
