import type { Finding } from "../findings/finding.ts";

/** Whom a finding is about: `module / service`, without what is said by its file already. */
export function ownerOf(finding: Finding, withSubject: boolean): string {
  const { module, service, subject, at } = finding;
  // A project without a contract is named by its file.
  const isFile = module !== undefined && (at?.file.endsWith(`/${module}`) ?? false);
  const parts = [isFile ? undefined : module, service === module ? undefined : service, withSubject ? subject : undefined];
  return parts.filter((part) => part !== undefined).join(" / ");
}
