/** What the watch may hold and do, whatever a child writes. */
export interface ErrorBounds {
  /** Different errors of one instance that are remembered; those not seen for longest go first. */
  readonly groups: number;
  /** Characters of all groups' lines together, about. */
  readonly characters: number;
  /** Of one error: lines that are kept, from its beginning and its end. */
  readonly lines: number;
  /** Lines before an error. */
  readonly before: number;
  /** Of one line, in characters. */
  readonly lineCharacters: number;
  /** Different new errors of one instance in a row, and how many more each second; what comes beyond is counted together, by category. */
  readonly newGroups: number;
  readonly newGroupsPerSecond: number;
  /** Lines of one instance that are read each second, and how many at once (others wait so long for their turn, about 10 µs a line); what comes beyond is only counted, in a group of its own. */
  readonly readLines: number;
  readonly readLinesAtOnce: number;
  /** So long an error waits for its next line. */
  readonly idleMs: number;
  /** One group is told of at most once in so long. */
  readonly tellMs: number;
}

export const errorBounds: ErrorBounds = {
  groups: 200,
  characters: 4_194_304,
  lines: 60,
  before: 10,
  lineCharacters: 1000,
  newGroups: 100,
  newGroupsPerSecond: 5,
  readLines: 10_000,
  readLinesAtOnce: 6000,
  idleMs: 300,
  tellMs: 1000,
};
