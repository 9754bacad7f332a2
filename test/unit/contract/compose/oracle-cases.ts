/** Compose files by their paths, read with `compose.yaml` and then `override.yaml` when it is there. Compose's own answer is what is right. */
export interface OracleCase {
  readonly files: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly profiles?: readonly string[];
}

const one = (text: string, more: Readonly<Record<string, string>> = {}): OracleCase => ({
  files: { "compose.yaml": text, ...more },
});
const two = (base: string, over: string, more: Readonly<Record<string, string>> = {}): OracleCase => ({
  files: { "compose.yaml": base, "override.yaml": over, ...more },
});

export const scalarCases: Readonly<Record<string, OracleCase>> = {
  "numbers, truth values and nulls as YAML has them": one(`services:
  a:
    image: x
    environment: {A: 1000000.0, B: 123456789.5, C: 1e21, D: 0.00001, I: 0644, J: 0o644, K: 1_000, L: yes, M: 33:33, N: 18446744073709551615,
      O: 18446744073709551616, P: .5, Q: 1., R: 1.50, S: -0, T: 0x1F, U: 1_0.5_0, W: !!str 5, X: ! 5, Z: +5, ZC: -0.0, ZE: 08, ZF: 0b11, ZG: , ZH: ~,
      ZI: -0644, ZJ: 1__0, ZK: _1, ZL: 1_, ZM: Null, ZN: "null", ZO: True, ZP: TRUE, ZQ: tRUE, ZR: on, ZS: "0440", ZT: 1e3, ZU: -1.5e-7}
`),
  dates: one(`services:
  a:
    image: x
    environment: {A: 2024-01-02, B: 2024-01-02T03:04:05.60Z, C: 2024-01-02T03:04:05+02:00, D: 2024-01-02 03:04:05, E: 2024-1-2, F: "2024-01-02",
      G: 2024-13-02, H: 2024-02-30, I: 2024-01-02t03:04:05Z, J: 2024-01-02T03:04:05}
`),
  "text in every style": one(`services:
  a:
    image: 'it''s'
    command: "tab\\tnewline\\nunicode \\u00e9 \\x41"
    environment:
      LITERAL: |
        one
          two

      KEPT: |+
        one

      FOLDED: >-
        one
        two

        three
      PLAIN: one
        two
      QUOTED: "one
        two \\
        three"
      EMPTY: ""
      HASH: a#b # comment
`),
  "CRLF line ends": one("services:\r\n  a:\r\n    image: x\r\n    environment:\r\n      - A=1 \r\n      - B\r\n"),
  "a byte order mark": one("\uFEFFservices:\n  a:\n    image: x\n"),
  "several documents": one(
    "services:\n  a:\n    image: x\n    ports: [80]\n---\nservices:\n  a:\n    image: y\n    ports: [81]\n  b: {image: z}\n",
  ),
  "brackets and quotes whose lines begin anywhere": one(
    'services:\n  a: {\n  image: xy\n}\n  b:\n    image: x\n    ports: [\n    "80:80",\n "81:81"\n    ]\n    labels: {a: "one\n two\n\n\tthree"\n  }\n',
  ),
  "truth values as texts": one(`services:
  a:
    image: x
    build: {context: ., no_cache: "yes", pull: "\${P:-true}", privileged: "off"}
    depends_on: {b: {condition: service_started, restart: "on"}}
    env_file: [{path: none.env, required: "false"}]
    volumes: [{type: bind, source: ./a, target: /a, bind: {create_host_path: "false"}}]
    deploy: {resources: {limits: {pids: "5"}}}
    attach: "false"
  b: {image: x, env_file: [{path: none.env, required: "false"}], attach: "false"}
`),
  "a truth value that is none": one(
    "services: {a: {image: x, depends_on: {b: {condition: service_started, restart: tru}}}, b: {image: x}}\n",
  ),
  "a tag that does not fit": one("services: {a: {image: x, scale: !!int a}}\n"),
  "a tag that fits": one(
    "services: {a: {image: x, scale: !!int '2', labels: {a: !!float 1, b: !!bool 'true', c: !!null '', d: !!str 1}}}\n",
  ),
  "a key again behind its reset": one("services: {a: {image: x, ports: !reset [], ports: ['80:80']}}\n"),
  "truth values by words": one(`services:
  a: {image: x, privileged: yes, read_only: "off", init: Y, tty: "TRUE", stdin_open: n, healthcheck: {disable: on}}
`),
};

export const anchorCases: Readonly<Record<string, OracleCase>> = {
  "merge keys and lists of them": one(`x-a: &a {image: a, user: "1", labels: {one: "1"}}
x-b: &b
  image: b
  restart: always
  environment: &env {A: 1, B: 2}
services:
  one:
    <<: *a
  two:
    <<: [*b, *a]
    environment: {<<: *env, B: 3}
  three:
    image: c
    <<: *b
  four:
    <<: {image: d, user: "7"}
    user: "8"
`),
  "aliases of values": one(`x-list: &list [A=1, B=2]
services:
  a: &service
    image: &image xy
    environment: *list
    container_name: *image
  b: {<<: *service, container_name: bb}
x-more: {deep: [1, {two: 3}], text: "\${UNSET_IN_EXTENSION-d}"}
`),
};

export const variableCases: Readonly<Record<string, OracleCase>> = {
  "every form": {
    environment: { SET: "s", EMPTY: "", NAME_1: "n", DOLLAR: "a$b", PORT: "8080" },
    ...one(`services:
  a:
    image: x
    environment:
      A: $SET
      B: \${SET}
      C: \${EMPTY:-d}
      D: \${EMPTY-d}
      E: \${UNSET:-d}
      F: \${UNSET-d}
      G: \${SET:+a}
      H: \${EMPTY:+a}
      I: \${EMPTY+a}
      J: \${UNSET+a}
      K: \${SET:?e}
      L: \${EMPTY?e}
      M: $$SET and $\${SET}
      N: \${UNSET:-\${SET:-x}}
      O: '\${UNSET:-{"a": {"b": "\${SET}"}}}'
      P: a\${SET}b$SET.c$NAME_1-d
      Q: \${UNSET:-a}\${UNSET:-b}/\${SET}
      R: $1 $ $- 5$
      S: \${DOLLAR}
      T: \${UNSET:-a:b?c-d+e}
      U: \${set:-case}
      V: \${UNSET:-\${UNSET:-\${UNSET:-deep}}} tail}
      W: "\${UNSET:-}"
      X: \${SET:-{}}
      Y: \${UNSET:-$$x}
    ports: ["127.0.0.1:\${UNSET}:5000", "\${PORT}:80"]
    scale: \${SCALE:-2}
    read_only: \${READ_ONLY:-true}
    mem_limit: \${MEMORY:-64m}
    cpus: \${CPUS:-1.5}
`),
  },
  "the .env file": {
    environment: { FROM_PROCESS: "process" },
    ...one(
      `services:
  a:
    image: x
    environment: {A: $A, B: $B, C: "$C", D: $D, E: $E, F: $F, G: "$G", H: $H, I: "$I", J: "$J", K: "$K", L: "$L", M: "$M", P: $FROM_PROCESS, Y: $Y}
    labels: [one=$A, two=$H]
`,
      {
        ".env": `# comment
A=plain # comment
B="double # kept" # comment
C='single $A'
export D=exported
E = spaced
F: yaml
G="two
lines"
H=\${A}-\${UNSET:-default}
I="escape \\n \\t \\" \\$A"
J='it\\'s \\n'
K=a#b
L=
FROM_PROCESS=file
M="\${A}" trailing
FROM_PROCESS
 Y=indented
`,
      },
    ),
  },
  "a required variable that is missing": one("services: {a: {image: '${UNSET:?tell me}'}}\n"),
  "a variable that cannot be read": one("services: {a: {image: 'x${}'}}\n"),
  "a variable in a key": one('services: {a: {image: x, labels: {"$KEY": "1"}}}\n'),
  "a number that is none": one("services: {a: {image: x, scale: '${UNSET:-many}'}}\n"),
  "a name with variables": {
    environment: { WHO: "Me" },
    ...one("name: ${WHO}-project\nservices: {a: {image: '${COMPOSE_PROJECT_NAME}'}}\n"),
  },
};

export const extendsCases: Readonly<Record<string, OracleCase>> = {
  "a service of the same file": one(`services:
  base:
    image: x
    command: [a, b]
    environment: {A: 1, B: 2}
    ports: ["80:80", "81:81"]
    volumes: [./a:/a, vol:/v]
    depends_on: [other]
    labels: {one: 1}
    networks: [back]
    healthcheck: {test: [CMD, a], interval: 1m}
  other: {image: y}
  child:
    extends: base
    command: c
    environment: [B=3, C=4]
    ports: ["80:80", "82:82"]
    volumes: ["./b:/a"]
    labels: [two=2]
    healthcheck: {test: b}
  grandchild:
    extends: {service: child}
    image: z
networks: {back: {}}
volumes: {vol: {}}
`),
  "a service of another file, with its paths": one(
    `services:
  a:
    extends: {file: sub/base.yaml, service: b}
    volumes: [./own:/own]
volumes: {named: }
`,
    {
      "sub/base.yaml": `services:
  b:
    extends: {file: ../deep/er/root.yaml, service: c}
    build: ./context
    volumes: [./data:/data, "named:/named"]
    env_file: [./b.env]
`,
      "deep/er/root.yaml": `services:
  c:
    image: x
    volumes: [./data:/root, "~/home:/home"]
    build: {context: ., dockerfile: Dockerfile.c, args: {A: 1}}
`,
      "sub/b.env": "FROM_ENV=1\n",
    },
  ),
  "resets what it extends": one(`services:
  base: {image: x, ports: ["80:80"], environment: {A: 1, B: 2}, command: run}
  a:
    extends: base
    ports: !reset []
    environment: !override {C: 3}
`),
  "a circle": one("services: {a: {extends: b}, b: {extends: a}}\n"),
  "nothing that is there": one("services: {a: {image: x, extends: b}}\n"),
  "a file that is not there": one("services: {a: {extends: {file: none.yaml, service: b}}}\n"),
};

export const includeCases: Readonly<Record<string, OracleCase>> = {
  "short and long": {
    environment: { TOP: "top" },
    ...one(
      `include:
  - one/compose.yaml
  - path: [two/compose.yaml, two/override.yaml]
    project_directory: elsewhere
    env_file: two.env
services:
  a: {image: x, depends_on: [b, c]}
`,
      {
        "one/compose.yaml": "services: {b: {image: 'b:${TAG:-none}', volumes: ['./b:/b'], networks: [n]}}\nnetworks: {n: {}}\n",
        "one/.env": "TAG=from-env\nTOP=lost\n",
        "two/compose.yaml": "services: {c: {image: 'c:${TWO}', build: ./c, labels: {top: $TOP}}}\n",
        "two/override.yaml": "services: {c: {environment: {A: 1}, volumes: [data:/d]}}\nvolumes: {data: {}}\n",
        "two.env": "TWO=2\n",
      },
    ),
  },
  "of an include": one("include: [a/a.yaml]\nservices: {x: {image: x}}\n", {
    "a/a.yaml": "include: [../b/b.yaml]\nservices: {a: {image: a, volumes: [./a:/a]}}\n",
    "b/b.yaml": "services: {b: {image: b, volumes: [./b:/b]}}\n",
  }),
  "the same one twice": one("include: [a.yaml, b.yaml]\nservices: {x: {image: x}}\n", {
    "a.yaml": "include: [c.yaml]\nservices: {a: {image: a}}\n",
    "b.yaml": "include: [c.yaml]\nservices: {b: {image: b}}\n",
    "c.yaml": "services: {c: {image: c, ports: ['80:80']}}\nvolumes: {vol: }\n",
  }),
  "a conflict": one("include: [a.yaml]\nservices: {a: {image: x}}\n", { "a.yaml": "services: {a: {image: a}}\n" }),
  "a circle": one("include: [a.yaml]\nservices: {x: {image: x}}\n", {
    "a.yaml": "include: [compose.yaml]\nservices: {a: {image: a}}\n",
  }),
  "a file that is not there": one("include: [none.yaml]\nservices: {x: {image: x}}\n"),
};

export const overrideCases: Readonly<Record<string, OracleCase>> = {
  "every kind of attribute": two(
    `services:
  a:
    image: x
    command: one two
    entrypoint: [e]
    environment: {A: 1, B: 2, N: }
    labels: [one=1]
    ports: ["80:80", "127.0.0.1:81:81"]
    volumes: [./a:/a, "./b:/b:ro", vol:/v]
    networks: [front]
    dns: 1.1.1.1
    dns_search: [a.b]
    tmpfs: /run
    cap_add: [NET_ADMIN]
    expose: [3000]
    extra_hosts: ["h:1.2.3.4"]
    env_file: a.env
    logging: {driver: json-file, options: {max-size: 10m}}
    ulimits: {nofile: 10, nproc: {soft: 1, hard: 2}}
    depends_on: [b]
    build: ./x
    healthcheck: {test: a, retries: 3}
    sysctls: {net.core.somaxconn: 1024}
    secrets: [s]
    devices: [/dev/a]
    deploy: {resources: {limits: {cpus: "0.5"}}, labels: {x: y}}
    profiles: []
    x-own: {a: 1}
  b: {image: y}
networks: {front: {}, back: {labels: {a: 1}}}
volumes: {vol: {labels: [a=1]}}
secrets: {s: {file: ./s}, t: {file: ./t}}
`,
    `services:
  a:
    image: z
    command: [three]
    entrypoint:
    environment: [B=3, C, N=4]
    labels: {one: 2, two: 3}
    ports: ["80:80", {target: 82, published: "82"}, "81:81"]
    volumes: ["./c:/a:rw", {type: volume, source: vol, target: /w}, "other:/v"]
    networks: {back: {aliases: [q]}}
    dns: [1.1.1.1, 8.8.8.8]
    dns_search: c.d
    tmpfs: [/run, /tmp]
    cap_add: [NET_ADMIN, SYS_TIME]
    expose: ["3000", 3001]
    extra_hosts: {i: 5.6.7.8}
    env_file: [b.env]
    logging: {options: {max-file: "3"}}
    ulimits: {nofile: {soft: 5, hard: 6}, nproc: 7}
    depends_on: {b: {condition: service_healthy}, c: {condition: service_started, required: false}}
    build: {context: ./y, args: [A=1]}
    healthcheck: {test: [CMD, b], interval: 90s}
    sysctls: [net.core.somaxconn=2048]
    secrets: [{source: t, target: /t}]
    devices: ["/dev/b:/dev/a:r"]
    deploy: {resources: {limits: {memory: 64M}}, labels: [x=z]}
    x-own: {b: 2}
  c: {image: w}
networks: {back: {labels: [b=2], driver: bridge}}
volumes: {other: , vol: {labels: {b: 2}}}
`,
    { "a.env": "E=a\nF=a\n", "b.env": "F=b\n" },
  ),
  "another log driver": two(
    "services: {a: {image: x, logging: {driver: a, options: {one: '1'}}}}\n",
    "services: {a: {logging: {driver: b, options: {two: '2'}}}}\n",
  ),
  "!reset and !override": two(
    `services:
  a: {image: x, ports: ["80:80"], environment: {A: 1, B: 2}, command: c, volumes: [./a:/a], labels: {one: 1, two: 2}, privileged: true, build: .}
networks: {n: {external: true}}
`,
    `services:
  a:
    ports: !override ["90:90"]
    environment: {A: !reset null, C: 3}
    command: !reset
    volumes: !reset []
    labels: {one: !reset }
    privileged: !reset false
    build: !reset null
networks: {n: !reset }
`,
  ),
  "nulls over values": two(
    "services: {a: {image: x, ports: ['80:80'], labels: {a: 1}, command: c, build: {context: ., target: t}}}\nvolumes: {vol: {driver: local}}\n",
    "services: {a: {image: , ports: , labels: , command: , build: {target: }}}\nvolumes: {vol: }\n",
  ),
  "address pools": two(
    "services: {a: {image: x, networks: [n]}}\nnetworks: {n: {ipam: {config: [{subnet: 10.0.0.0/24}, {subnet: 10.1.0.0/24}]}}}\n",
    "networks: {n: {ipam: {config: [{subnet: 10.0.0.0/24, gateway: 10.0.0.1}, {subnet: 10.2.0.0/24}]}}}\n",
  ),
  "a list over a mapping": two("services: {a: {image: x, healthcheck: {test: a}}}\n", "services: {a: {healthcheck: [a]}}\n"),
};

export const formCases: Readonly<Record<string, OracleCase>> = {
  ports: one(`services:
  a:
    image: x
    ports: [80, "81", "82:83", "127.0.0.1:84:85", "127.0.0.1::86", "[::1]:87:88", "91-93", "94-96:97-99", "100-110:111", "112:113/udp",
      "0.0.0.0:114-115:116-117/tcp", {target: 118}, {target: 119, published: 120, host_ip: 127.0.0.1, protocol: udp, mode: host, name: n},
      {target: 121, published: "122-130"}, "131:132/sctp", "9:10/TCP"]
`),
  "an IPv6 address without brackets": one("services: {a: {image: x, ports: ['::1:89:90']}}\n"),
  "ports that are none": one("services: {a: {image: x, ports: ['a:b']}}\n"),
  "ports out of range": one("services: {a: {image: x, ports: ['70000:80']}}\n"),
  "ranges of different length": one("services: {a: {image: x, ports: ['80-82:90-91']}}\n"),
  volumes: one(`services:
  a:
    image: x
    volumes:
      - /anonymous
      - ./a:/a
      - ../b:/b:ro
      - /c:/c:RO
      - ~/d:/d:rw,z
      - vol:/e
      - vol:/f/:nocopy
      - ./g/../h:/g/./h/
      - ./i:/i:ro,rshared
      - {type: bind, source: ./j, target: /j, read_only: true, bind: {propagation: shared, create_host_path: false}}
      - {type: volume, source: vol, target: /k, volume: {nocopy: true, subpath: s}}
      - {type: tmpfs, target: /l, tmpfs: {size: 10m, mode: 448}}
      - {type: volume, target: /m}
      - "./n:/n:readonly"
      - /dup:/same
      - ./dup2:/same
      - .:/dot
      - 'C:\\data:/win'
    tmpfs: ["/run:size=1m,ro", /tmp]
volumes: {vol: {}}
`),
  "a volume that is not declared": one("services: {a: {image: x, volumes: ['vol:/v']}}\n"),
  "a volume without a target": one("services: {a: {image: x, volumes: ['vol:']}}\n"),
  "a volume with too many parts": one("services: {a: {image: x, volumes: ['./v:/v:ro:z']}}\n"),
  builds: one(`services:
  a: {build: .}
  b: {build: {context: ./b, dockerfile: D, args: {A: 1, B: , PATH: }, target: t, cache_from: [x], labels: {a: b}, extra_hosts: [a=1.1.1.1], shm_size: 1g}}
  c: {build: {dockerfile_inline: "FROM x"}}
  d: {build: https://example.com/x.git}
  e: {build: {context: ../e, additional_contexts: [one=./one, two=docker-image://x], secrets: [s], tags: [a, b], platforms: [linux/amd64]}}
secrets: {s: {environment: S}}
`),
  "health checks": one(`services:
  a: {image: x, healthcheck: {test: curl x, interval: 1m30s, timeout: 500ms, retries: 3, start_period: 1h, start_interval: 5s}}
  b: {image: x, healthcheck: {test: [NONE]}}
  c: {image: x, healthcheck: {disable: true}}
  d: {image: x, healthcheck: {test: ["CMD-SHELL", "a || b"], interval: 0s}}
`),
  "a health check with a bare list": one("services: {a: {image: x, healthcheck: {test: [curl, x]}}}\n"),
  dependencies: one(`services:
  a: {image: x, depends_on: [b, c]}
  b: {image: x, depends_on: {c: {condition: service_healthy, restart: true}}}
  c: {image: x, links: ["d:alias", e]}
  d: {image: x, network_mode: "service:e"}
  e: {image: x, volumes_from: [f, "container:g"]}
  f: {image: x, pid: "service:e2", ipc: host}
  e2: {image: x}
`),
  "dependencies in a circle": one("services: {a: {image: x, depends_on: [b]}, b: {image: x, depends_on: [a]}}\n"),
  networks: one(`services:
  a: {image: x, networks: [n, default]}
  b: {image: x, networks: {m: {aliases: [q], ipv4_address: 10.0.0.2, priority: 5}, n: }}
  c: {image: x}
  d: {image: x, network_mode: host}
  e: {image: x, networks: []}
networks:
  n: {external: true}
  m: {external: true, name: "\${NET:-shared}"}
  default: {driver: bridge, internal: true}
  unused: {name: u}
`),
  "an old external name": one("services: {a: {image: x, networks: [n]}}\nnetworks: {n: {external: {name: old}}}\n"),
  "secrets and configs": one(`services:
  a:
    image: x
    secrets: [s, {source: t, target: tt, uid: "5", mode: 0440}, {source: u}]
    configs: [c, {source: d, target: /d, mode: 0o600}]
secrets: {s: {file: ./s}, t: {environment: T}, u: {external: true, name: uu}}
configs: {c: {content: "a $$b"}, d: {file: ./d}}
`),
  "a secret of nothing": one("services: {a: {image: x}}\nsecrets: {s: {}}\n"),
  environment: {
    environment: { INHERITED: "i", E: "from process" },
    ...one(`services:
  a: {image: x, environment: [A=1, "B=", C, INHERITED, "D=a=b", " E=1", A=2]}
  b: {image: x, environment: {A: true, B: 1.50, C: , INHERITED: , D: "", E: ~}}
  c: {image: x, labels: [a, "b=", "c=d=e"], annotations: {a: 1}}
`),
  },
  "env files": one(
    `services:
  a: {image: x, env_file: [a.env, {path: none.env, required: false}, {path: sub/b.env}], environment: {B: own}}
`,
    { "a.env": "A=1\nB=2\nC=${A}3\n", "sub/b.env": "A='x y' # c\nD=\"$C\"\n" },
  ),
  "sizes and times": one(`services:
  a: {image: x, mem_limit: 1.5g, shm_size: 64m, memswap_limit: -1, stop_grace_period: 1m30s, mem_reservation: 512, cpus: 0.5, pids_limit: 100}
  b: {image: x, deploy: {resources: {limits: {memory: 1GiB, cpus: 2, pids: 5}, reservations: {memory: 10kb}}, replicas: 0, restart_policy: {delay: 5s}}}
`),
  "a size that is none": one("services: {a: {image: x, mem_limit: much}}\n"),
  "a time that is none": one("services: {a: {image: x, stop_grace_period: soon}}\n"),
  commands: one(`services:
  a: {image: x, command: "sh -c 'echo \\"a b\\"' c\\\\ d", entrypoint: ""}
  b: {image: x, command: [], entrypoint: []}
  c: {image: x, command: }
`),
  "commands that are no shell's": one(`services:
  a: {image: x, command: first; second, entrypoint: "sh -c \`a b\` $$(c d)"}
  b: {image: x, command: run && stop, entrypoint: "log 2>file"}
`),
  "a command whose quote does not close": one("services: {a: {image: x, command: it's}}\n"),
  users: one(`services:
  a: {image: x, user: 33:33}
  b: {image: x, user: "00:00"}
  c: {image: x, user: ":"}
  d: {image: x, user: "\${U:-1001}:\${G:-1001}"}
`),
  "a user that is a number": one("services: {a: {image: x, user: 1001}}\n"),
  profiles: {
    profiles: ["one"],
    ...one(`services:
  a: {image: x}
  b: {image: x, profiles: [one]}
  c: {image: x, profiles: [two], volumes: [only:/c]}
  d: {image: x, depends_on: {c: {condition: service_started, required: false}}}
volumes: {only: {}}
`),
  },
  "a dependency that no profile starts": one("services: {a: {image: x, depends_on: [b]}, b: {image: x, profiles: [p]}}\n"),
  "profiles of .env": one("services: {a: {image: x}, b: {image: x, profiles: [p]}}\n", {
    ".env": "COMPOSE_PROFILES=p\nCOMPOSE_PROJECT_NAME=named\n",
  }),
};

export const refusedCases: Readonly<Record<string, OracleCase>> = {
  "an attribute that is not known": one("services: {a: {image: x, imagee: y}}\n"),
  "a key twice": one("services:\n  a: {image: x}\n  a: {image: y}\n"),
  "a key that is a number": one("services: {a: {image: x, labels: {1: a}}}\n"),
  "an anchor that is not there": one("services: {a: *nothing}\n"),
  "a tab for indentation": one("services:\n\ta: {image: x}\n"),
  "broken brackets": one("services: {a: {image: x}\n"),
  "a text at the top": one("hello\n"),
  "a list at the top": one("- a\n"),
  nothing: one(""),
  "comments alone": one("# nothing\n"),
  "a service without an image": one("services: {a: {command: x}}\n"),
  "a service that is a text": one("services: {a: x}\n"),
  "services that are a list": one("services: [a]\n"),
  "a network that is not declared": one("services: {a: {image: x, networks: [n]}}\n"),
  "both kinds of network": one("services: {a: {image: x, network_mode: host, networks: [default]}}\n"),
  "a container's name for two": one("services: {a: {image: x, container_name: cc, scale: 2}}\n"),
  "a control character": one("services: {a: {image: 'x\u0001'}}\n"),
  "a NUL": one("services: {a: {image: 'x\u0000'}}\n"),
  "an anchor that holds itself": one("services: {a: &a {image: x, labels: [*a]}}\n"),
  "a merge of a text": one("services: {a: {<<: text, image: x}}\n"),
  "a bad service name": one('services: {"a b": {image: x}}\n'),
};
