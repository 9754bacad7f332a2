import type { LiveSubject } from "./subject.ts";
import type { Verdicts } from "./verdicts.ts";

/** Whether a secret of the module stands where everybody can read it. */
export function judgeSecrets({ exposures }: LiveSubject, verdicts: Verdicts): void {
  if (!exposures.known) {
    verdicts.unknown("secret-values", exposures.reason);
    return;
  }
  for (const { name, place } of exposures.value) {
    verdicts.broken("secret-values", {
      message: `The value of ${name} stands in ${place}.`,
      fix: "Give it through the env file alone, rotate it (`novabot secrets set`), then make the container anew.",
    });
  }
  verdicts.kept("secret-values", "neither in the image, nor in labels or arguments");
}
