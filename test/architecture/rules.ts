// Who may import whom, as data. Zones are tried in order; the first whose pattern matches a file is its own. What a zone
// does not list is forbidden. A rule that cannot be written here should not be a rule.

export interface Zone {
  readonly name: string
  readonly files: RegExp
  /** Project files it may import. */
  readonly imports: RegExp
  /** npm packages it may import. */
  readonly packages?: RegExp
  /** Node builtins it may import, without `node:`; `all` of them. */
  readonly builtins?: readonly string[] | 'all'
  /** Clock, chance, console, process, timers, network: those it may use; `all` of them. */
  readonly ambient?: readonly string[] | 'all'
  /** May use async functions and await. */
  readonly async?: boolean
}

const SHARED = /^shared\//
const COORDINATOR_PURE =
  /^coordinator\/(state|moves|run-state|overdue|loss|speed|slots|puzzle-table|data\/(sampler|official-order)|evaluate\/round|store\/coverage|import\/(pickle|state-dict|numbers|shown|fit)|study\/(record|statistics|ballots|vote-curve))\.ts$/
const WORKER_MATH = /^worker\/(model|ops|train|baseline)\//

export const ZONES: readonly Zone[] = [
  // --- shared: pure, and what each of the exceptions is for
  {
    name: 'the one that knows convict',
    files: /^shared\/config\/schema\.ts$/,
    imports: SHARED,
    packages: /^convict$/,
  },
  {
    name: 'the one that knows msgpackr',
    files: /^shared\/protocol\/codec\.ts$/,
    imports: SHARED,
    packages: /^msgpackr$/,
  },
  {
    name: 'the one that knows nats',
    files: /^shared\/bus\/bus\.ts$/,
    imports: SHARED,
    packages: /^nats$/,
    builtins: ['fs/promises'],
    ambient: ['setTimeout'],
    async: true,
  },
  { name: 'state over the bus', files: /^shared\/bus\//, imports: SHARED, ambient: ['setTimeout'], async: true },
  {
    name: 'the one that knows prom-client',
    files: /^shared\/observe\/metrics\.ts$/,
    imports: SHARED,
    packages: /^prom-client$/,
    builtins: ['http', 'net'],
    async: true,
  },
  { name: 'hashing', files: /^shared\/hash\.ts$/, imports: SHARED, builtins: ['crypto'] },
  { name: 'the checksum of messages', files: /^shared\/protocol\/crc32\.ts$/, imports: SHARED, builtins: ['zlib'] },
  { name: 'shared', files: SHARED, imports: SHARED },

  // --- coordinator: decides; never computes tensors, never meets a worker but on the bus
  {
    name: 'the pure coordinator',
    files: COORDINATOR_PURE,
    imports: new RegExp(`${SHARED.source}|${COORDINATOR_PURE.source}`),
  },
  {
    name: 'the coordinator',
    files: /^coordinator\//,
    imports: /^(shared|coordinator)\//,
    packages: /^(piscina|cli-table3)$/,
    builtins: 'all',
    ambient: 'all',
    async: true,
  },

  // --- worker: the mathematics knows neither network nor host
  {
    name: "the worker's mathematics",
    files: WORKER_MATH,
    imports: new RegExp(`${SHARED.source}|${WORKER_MATH.source}`),
    packages: /^@tensorflow\/tfjs-core$/,
  },
  {
    name: 'backends',
    files: /^worker\/backends\//,
    imports: /^(shared|worker\/(backends|ops))\//,
    packages: /^@tensorflow\/tfjs-/,
    builtins: 'all',
    ambient: 'all',
    async: true,
  },
  {
    name: 'the compute thread',
    files: /^worker\/compute\//,
    imports: /^(shared\/|worker\/(compute|model|ops|train|baseline|backends)\/|worker\/arena\.ts$)/,
    builtins: ['worker_threads'],
    ambient: ['performance.now'],
    async: true,
  },
  {
    name: "the worker's I/O thread",
    files: /^worker\/[^/]+\.ts$/,
    imports: /^(shared\/|worker\/[^/]+\.ts$|worker\/compute\/(client|port|carry)\.ts$)/,
    builtins: 'all',
    ambient: 'all',
    async: true,
  },

  // --- the ground
  {
    name: 'the command line',
    files: /^deploy\/cli\//,
    imports: /^(shared|deploy|coordinator|worker)\//,
    packages: /^commander$/,
    builtins: 'all',
    ambient: 'all',
    async: true,
  },
  {
    name: 'deploy',
    files: /^deploy\//,
    imports: /^(shared|deploy|coordinator|worker)\//,
    builtins: 'all',
    ambient: 'all',
    async: true,
  },
  {
    name: 'dashboards',
    files: /^grafana\//,
    imports: /^(shared|grafana)\//,
    packages: /^@grafana\/grafana-foundation-sdk\//,
    builtins: 'all',
    ambient: 'all',
    async: true,
  },
  {
    name: 'tests',
    files: /^test\//,
    imports: /^(shared|coordinator|worker|grafana|deploy|test)\//,
    packages: /./,
    builtins: 'all',
    ambient: 'all',
    async: true,
  },
]

/** Files that may read argv and the environment, or end the process: where a process or a thread begins. */
export const ENTRIES =
  /^(deploy\/cli\/main\.ts|grafana\/([\w-]+-)?main\.ts|deploy\/([\w-]+\/)*[\w-]*main\.ts|worker\/compute\/main\.ts|test\/.*)$/

/** Entry files that nobody may import. */
export const MAINS = /(^|\/)([\w-]+-)?main\.ts$/

/** Where a tensor library may not be reached from, not even through others. */
export const TENSOR_FREE = /^(coordinator|shared)\/|^worker\/[^/]+\.ts$|^deploy\/cli\//

export const TOP_LEVEL = {
  folders: ['coordinator', 'worker', 'shared', 'grafana', 'deploy', 'test'],
  files: ['package.json', 'package-lock.json', 'tsconfig.json', 'README.md', 'LICENSE'],
}

export const MAX_LINES = 400
