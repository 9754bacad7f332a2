/** The variable by which a process and all that come from it are known again, by a later supervisor too. */
export const MARKER_VARIABLE = "NOVABOT_INSTANCE_TOKEN";

export interface Marker {
  readonly bootID: string;
  readonly instance: string;
  /** Which start of the instance in that boot. */
  readonly start: number;
}

export function writeMarker({ bootID, instance, start }: Marker): string {
  return `${bootID}-${instance}-${start}`;
}

/** Null for what no supervisor wrote. */
export function readMarker(text: string): Marker | null {
  const match = /^([0-9a-f]{32})-(.{1,64})-(\d{1,15})$/.exec(text);
  const [, bootID, instance, start] = match ?? [];
  if (bootID === undefined || instance === undefined || start === undefined) return null;
  return { bootID, instance, start: Number(start) };
}
