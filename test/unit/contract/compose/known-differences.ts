const envFile = "An env file is missing: Compose refuses, and here it is a finding of the rule `env-file`, with the others.";
const printing = "Compose reads it, and `config` fails to print SSH keys as JSON.";

const extension =
  "A service named `x-foo`: Compose takes its own mark of extensions there for a network, and refuses; nobody else would.";

const go = "golang-github-compose-spec-compose-go_2.4.8.orig.tar.xz/golang-github-compose-spec-compose-go-2.4.8";

/** Cases of the corpus that are read otherwise than Docker Compose reads them, each with the reason. */
export const knownDifferences: Readonly<Record<string, string>> = {
  [`${go}/loader/testdata/include/dir/compose.yaml`]: envFile,
  "librust-deadpool-dev_0.12.2-1_amd64.deb/usr/share/cargo/registry/deadpool-0.12.2/.devcontainer/docker-compose.yml": envFile,
  "patroni_4.0.7-3~deb13u1_all.deb/usr/share/doc/patroni/examples/docker-compose.yml": envFile,
  "docker-compose_2.26.1.orig.tar.xz/docker-compose-2.26.1/pkg/e2e/fixtures/build-test/ssh/compose.yaml": printing,
  [`${go}/loader/loader-literal-085.yaml`]: printing,
  [`${go}/loader/loader-literal-086.yaml`]: printing,
  [`${go}/loader/loader-literal-096.yaml`]: extension,
};
