/** A change of one file's text: what stands in [`start`, `end`) gives way to `text`. Offsets are UTF-16 code units of the file as it was read. */
export interface Edit {
  /** Absolute. */
  readonly file: string;
  readonly start: number;
  readonly end: number;
  readonly text: string;
}
