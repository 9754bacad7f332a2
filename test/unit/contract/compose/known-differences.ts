const printing = "Compose reads it, and `config` fails to print SSH keys as JSON.";

const extension =
  "A service named `x-foo`: Compose takes its own mark of extensions there for a network, and refuses; nobody else would.";

const go = "golang-github-compose-spec-compose-go_2.4.8.orig.tar.xz/golang-github-compose-spec-compose-go-2.4.8";

/** Cases of the corpus that are read otherwise than Docker Compose reads them, each with the reason. */
export const knownDifferences: Readonly<Record<string, string>> = {
  "docker-compose_2.26.1.orig.tar.xz/docker-compose-2.26.1/pkg/e2e/fixtures/build-test/ssh/compose.yaml": printing,
  [`${go}/loader/loader-literal-085.yaml`]: printing,
  [`${go}/loader/loader-literal-086.yaml`]: printing,
  [`${go}/loader/loader-literal-096.yaml`]: extension,
};
