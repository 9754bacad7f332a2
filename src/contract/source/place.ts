/**
 * Where a value stands in a file. Lines and columns count from 1, columns in UTF-16 code units; the end is the first column that
 * is no longer part of the value.
 */
export interface Place {
  /** The file's absolute path. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

/** A value and where it was written. */
export interface Placed<T> {
  readonly value: T;
  readonly at: Place;
}

/** A file that was read, as it was read: diagnostics quote its lines, and fixes are cut out of it. */
export interface SourceFile {
  /** Absolute. */
  readonly path: string;
  readonly text: string;
}
