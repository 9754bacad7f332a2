import * as z from "zod";

/** What a door answers instead of an answer: RFC 9457, with NovaBot's code and next step. */
export interface Problem {
  /** `urn:novabot:error:CODE`. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly next: string;
  /** The parameter or field. */
  readonly place?: string;
  /** Of AMBIGUOUS: what could be meant. */
  readonly candidates?: readonly { readonly worker: string; readonly container: string }[];
}

export const problemSchema: z.ZodType<Problem> = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  code: z.string(),
  next: z.string(),
  place: z.string().exactOptional(),
  candidates: z.array(z.object({ worker: z.string(), container: z.string() })).exactOptional(),
});
