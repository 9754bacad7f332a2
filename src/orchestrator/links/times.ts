/** How soon links notice things. */
export interface LinkTimes {
  /** A worker that says nothing for so long is asked, and after as long again is lost: twice this is within the five seconds in which that is shown. */
  readonly silenceMs: number;
  readonly helloMs: number;
  /** A container that was just seen to run may take so long until its supervisor listens, as it may for `worker start`. */
  readonly beginMs: number;
  readonly firstDelayMs: number;
  readonly mostDelayMs: number;
  /** Both doors of each worker are asked so often. */
  readonly healthMs: number;
  /** Records that the store has not taken for so long are told to wait. */
  readonly slowMs: number;
  /** After records could not be kept, they are tried again so much later; doubles up to the most. */
  readonly keepAgainMs: number;
  readonly mostKeepAgainMs: number;
}

export const linkTimes: LinkTimes = {
  silenceMs: 1_800,
  helloMs: 4_000,
  beginMs: 60_000,
  firstDelayMs: 200,
  mostDelayMs: 5_000,
  healthMs: 30_000,
  slowMs: 5_000,
  keepAgainMs: 250,
  mostKeepAgainMs: 5_000,
};
