// Who may say what on the bus, and the configuration of a nats-server that holds everyone to it. The subjects are those of
// shared/protocol/subjects.ts: trmesh.RUN.KIND, then SEAT.NAME of whom it concerns and, for parts, of who sends it.
// A worker cannot speak as the coordinator (beacon, w, its means, its answers to pulls), nor, with a key of its own, as another
// worker; nobody reads the replies of others; the observer (a person with `nats sub`) can only listen.
interface Permissions {
  readonly publish: Rules
  readonly subscribe: Rules
  /** May answer a request that it hears, once. */
  readonly answers: boolean
}
interface Rules {
  readonly allow?: readonly string[]
  readonly deny?: readonly string[]
}

export const COORDINATOR: Permissions = {
  publish: { allow: ['trmesh.*.beacon', 'trmesh.*.w.*.*', 'trmesh.*.mean.coordinator.*', 'trmesh.*.state.*.*'] },
  subscribe: {
    allow: [
      'trmesh.*.beacon',
      'trmesh.*.hello.*.*',
      'trmesh.*.c.*.*',
      'trmesh.*.part.coordinator.*.*.*',
      'trmesh.*.state.coordinator.*',
      '_INBOX.coordinator.>',
    ],
  },
  answers: true,
}

/** @param seat to whom the key belongs; none: a key that all workers share, with which one can speak as another */
export function workerAt(seat = '*'): Permissions {
  const inbox = seat === '*' ? '_INBOX.worker.>' : `_INBOX.worker.${seat}.>`
  return {
    publish: {
      allow: [
        `trmesh.*.hello.${seat}.*`,
        `trmesh.*.c.${seat}.*`,
        `trmesh.*.part.*.*.${seat}.*`,
        `trmesh.*.mean.${seat}.*`,
        'trmesh.*.state.*.*',
      ],
      deny: ['trmesh.*.mean.coordinator.*'],
    },
    subscribe: {
      allow: [
        'trmesh.*.beacon',
        `trmesh.*.w.${seat}.*`,
        `trmesh.*.part.${seat}.*.*.*`,
        'trmesh.*.mean.*.*',
        `trmesh.*.state.${seat}.*`,
        inbox,
      ],
      deny: ['trmesh.*.state.coordinator.*', 'trmesh.*.part.coordinator.*.*.*'],
    },
    answers: true,
  }
}

export const OBSERVER: Permissions = {
  publish: { deny: ['>'] },
  subscribe: { allow: ['trmesh.>'] },
  answers: false,
}

/** Names that are no seat: whoever had one could be taken for the coordinator, or its file for that of a role. */
export const RESERVED: readonly string[] = ['coordinator', 'observer', 'worker']

export interface User {
  /** A role, or a seat. */
  readonly name: string
  /** `U...` */
  readonly publicKey: string
  readonly permissions: Permissions
}

export interface Certificate {
  readonly cert: string
  readonly key: string
}

const list = (subjects: readonly string[]): string =>
  `[${subjects.map((subject) => JSON.stringify(subject)).join(', ')}]`

const rules = (name: string, rules: Rules): string =>
  `${name}: { ${Object.entries(rules)
    .map(([verb, subjects]) => `${verb}: ${list(subjects as readonly string[])}`)
    .join(', ')} }`

function userText({ name, publicKey, permissions: { publish, subscribe, answers } }: User): string {
  return [
    `    # ${name}`,
    `    { nkey: ${publicKey}, permissions: {`,
    `        ${rules('publish', publish)}`,
    `        ${rules('subscribe', subscribe)}`,
    ...(answers ? ['        allow_responses: { max: 1, expires: "1m" }'] : []),
    '    } }',
  ].join('\n')
}

/**
 * A whole configuration of nats-server: what every server of trmesh has, then who is let in.
 * @param base text of deploy/nats/server.conf, with what it includes
 * @param tls whoever does not speak it is sent away
 */
export function serverConfiguration(base: string, users: readonly User[], tls?: Certificate): string {
  const encrypted =
    tls === undefined
      ? ''
      : `\n# Nobody on the way can read or change what is said.\ntls {\n  cert_file: ${JSON.stringify(tls.cert)}\n  key_file: ${JSON.stringify(tls.key)}\n  timeout: 5\n}\n`
  return `# Made by \`trmesh keys\`, which makes it anew whenever keys come or go; then \`nats-server --signal reload\` is enough.
${base.trimEnd()}
${encrypted}
# Public keys, and the subjects that each may use and no others. The secret halves are with the processes.
authorization {
  users: [
${users.map(userText).join('\n')}
  ]
}
`
}
