/** What `curl` and `wget` are told on their command line: which addresses, and whether in the usual way. */
export interface Question {
  readonly addresses: readonly string[];
  /** An error status of the answer is a failure. */
  readonly fails: boolean;
  /** An option after which nothing is asked, or nobody waits for the answer. */
  readonly idle: string | undefined;
  /** An option whose effect on the question is not known here; it may send it elsewhere. */
  readonly odd: string | undefined;
}

interface Options {
  /** Long and short ones that change nothing of what is asked, with a value and without. */
  readonly plain: ReadonlySet<string>;
  readonly valued: ReadonlySet<string>;
  readonly idle: ReadonlySet<string>;
}

function set(text: string): ReadonlySet<string> {
  return new Set(text.split(/\s+/));
}

const known: Readonly<Record<"curl" | "wget", Options>> = {
  curl: {
    plain: set(
      "-f --fail --fail-with-body --fail-early -s --silent -S --show-error -v --verbose -L --location -k --insecure -i --include -I --head -g --globoff -q --disable -4 --ipv4 -6 --ipv6 -N --no-buffer -# --progress-bar --compressed -0 --http1.0 --http1.1 --http2 --no-progress-meter --tcp-nodelay --no-keepalive --retry-connrefused --retry-all-errors -O --remote-name --path-as-is -G --get -j -J -n",
    ),
    valued: set(
      "-o --output -m --max-time --connect-timeout -H --header -A --user-agent -w --write-out --retry --retry-delay --retry-max-time -u --user -e --referer -b --cookie -c --cookie-jar -D --dump-header --noproxy --stderr --max-redirs --limit-rate --cacert -E --cert --key -X --request --url -x --proxy -y -Y --speed-limit --speed-time --max-filesize --oauth2-bearer --trace --trace-ascii",
    ),
    idle: set("-V --version -h --help -M --manual"),
  },
  wget: {
    plain: set(
      "-q --quiet -S --server-response -v --verbose -nv --no-verbose -c -4 -6 --inet4-only --inet6-only -d --debug -N -x --spider --no-check-certificate --no-proxy --no-cache --retry-connrefused --show-progress --no-cookies -nc -nd --content-on-error --no-netrc --no-config --no-hsts",
    ),
    valued: set(
      "-O --output-document -o --output-file -a -t --tries -T --timeout -U --user-agent -P --directory-prefix -Y --header --user --password --max-redirect --waitretry --wait -w --connect-timeout --read-timeout --dns-timeout --method --ca-certificate --limit-rate",
    ),
    idle: set("-V --version -h --help -b --background"),
  },
};

export function questionOf(name: "curl" | "wget", words: readonly string[]): Question {
  const { plain, valued, idle } = known[name];
  const addresses: string[] = [];
  let fails = name === "wget";
  let stops: string | undefined;
  let odd: string | undefined;
  const value = (option: string, text: string): void => {
    // A proxy is who is really asked.
    if (/^(?:--url|-x|--proxy)$/.test(option)) addresses.push(text);
    else if (/^(?:-X|--request|--method)$/.test(option) && !/^(?:GET|HEAD)$/.test(text)) odd ??= `${option} ${text}`;
  };
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? "";
    if (word === "--") continue;
    if (!/^-./.test(word)) {
      addresses.push(word);
      continue;
    }
    // wget takes `--tries=3`, curl does not.
    const [, long, glued] = /^(--[\w.-]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (long !== undefined && (glued === undefined || name === "wget")) {
      if (idle.has(long)) stops ??= long;
      else if (long === "--no-fail") fails = false;
      else if (valued.has(long)) value(long, glued ?? words[(at += 1)] ?? "");
      else if (!plain.has(long)) odd ??= long;
      if (long === "--fail" || long === "--fail-with-body") fails ||= name === "curl";
      continue;
    }
    if (long !== undefined) {
      odd ??= word;
      continue;
    }
    for (let index = 1; index < word.length; index += 1) {
      const two = `-${word.slice(index, index + 2)}`;
      const option = name === "wget" && word[index] === "n" && two.length === 3 ? two : `-${word[index] ?? ""}`;
      index += option.length - 2;
      if (idle.has(option)) stops ??= option;
      else if (valued.has(option)) {
        const rest = word.slice(index + 1);
        value(option, rest === "" ? (words[(at += 1)] ?? "") : rest);
        break;
      } else if (!plain.has(option)) {
        odd ??= option;
        break;
      }
      if (option === "-f" && name === "curl") fails = true;
    }
  }
  return { addresses, fails, idle: stops, odd };
}
