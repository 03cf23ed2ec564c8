// Small interfaces through which the services meet the terminal, the clock and the signals, so that tests can replace them.
import type { RunConfig } from './config/run-config.js'
import type { Millis } from './ids.js'
import type { LanguageSize, Tuning } from './language/shape.js'

export interface Terminal {
  readonly isTTY: boolean
  readonly columns: number
  /** A line that stays. */
  line(text: string): void
  /** The live line: replaced in place on a terminal, printed now and then elsewhere. */
  status(text: string): void
}

/** Asked to stop politely. Handlers run once; one added late runs at once. */
export interface StopSignal {
  readonly requested: boolean
  onStop(handler: () => void): void
}

/** Monotonic time, timers. */
export interface Clock {
  now(): Millis
  /** Calls `tick` every `period` until the returned function is called. */
  every(period: Millis, tick: () => void): () => void
}

export interface CoordinatorOptions {
  readonly config: RunConfig
  /** Folder for downloads and installed programs: `.trmesh` under it. */
  readonly root: string
  /** Start over even if there is a checkpoint. */
  readonly fresh: boolean
  readonly signal: StopSignal
  readonly out: Terminal
  /** Evaluate a checkpoint instead of training. */
  readonly evaluation?: EvaluationOptions | undefined
  /** Folder of a checkpoint whose model the run begins with, instead of random weights. With `evaluation`: that is evaluated. */
  readonly base?: string | undefined
}

export interface EvaluationOptions {
  /** The checkpoint's folder; nothing is written there. */
  readonly checkpoint: string
  /** Folder for evaluation.json and submission.json. */
  readonly to: string
}

export interface WorkerOptions {
  readonly busUrl: string
  readonly credentials: string
  /** File with the authority of the server's certificate, or empty. */
  readonly ca: string
  /** undefined: the one run found on the bus. */
  readonly runId: string | undefined
  readonly backend: 'auto' | 'tensorflow' | 'wasm' | 'native'
  readonly gpu: number | undefined
  /** Compute threads of the tensor library; undefined: all cores. */
  readonly threads: number | undefined
  /** Keep less of each sample for backward and compute it again: the same bits in less memory. */
  readonly recompute: boolean
  /** Instruction set of the native engine (TRMESH_ISA); undefined: the best of this processor. */
  readonly isa: string | undefined
  /** Shown in reports; default host and process id. */
  readonly label: string | undefined
  readonly metricsHost: string
  readonly metricsPort: number
  readonly root: string
  readonly signal: StopSignal
  readonly out: Terminal
}

/** `trmesh baseline`: language models beside TRM. */
export interface BaselineOptions {
  readonly sizes: readonly LanguageSize[]
  readonly tunings: readonly Tuning[]
  /** For all measurements together. */
  readonly minutes: number
  readonly batch: number
  /** Tokens of the longest text taken. */
  readonly context: number
  /** Of the device; undefined: no costs. */
  readonly pricePerHour: number | undefined
  /** File of the figures. */
  readonly to: string
  readonly json: boolean
  /** The worker is on this machine: its free memory is ours. */
  readonly local: boolean
}

/**
 * What to do where an engine is missing: leave it so, try to make it, or end with an error if that fails. TensorFlow is tried
 * only where our own could not be had.
 */
export interface EngineSetup {
  readonly native: 'leave' | 'try' | 'must'
  readonly tensorflow: 'leave' | 'try' | 'must'
}

/** `trmesh start`: NATS, a coordinator and workers on this machine. */
export interface LocalOptions extends CoordinatorOptions {
  readonly workers: number
  readonly backend: WorkerOptions['backend']
  /** As for a worker; default false. */
  readonly recompute?: boolean
  /** Compute threads per worker; undefined: the cores, shared out. */
  readonly threads: number | undefined
  readonly engines: EngineSetup
  /** Folder of logs and of nats-server's files; undefined: .trmesh under `root`. */
  readonly state?: string | undefined
  /** A TensorFlow wheel already on this machine; undefined: fetched. */
  readonly tensorflowWheel: string | undefined
}

/** `trmesh workers`: one worker per GPU found, or `cpu` of them. */
export interface WorkersOptions extends Omit<WorkerOptions, 'gpu' | 'isa' | 'label'> {
  /** Number of CPU workers; undefined: one per GPU. */
  readonly cpu: number | undefined
}

/** `trmesh data NAME`. */
export interface DownloadOptions {
  readonly name: 'arc-agi-1' | 'arc-agi-2' | 'concept-arc' | 'sudoku-extreme' | 'maze-hard'
  /** Of the two last: a commit or branch; undefined: the newest, which is noted. */
  readonly revision?: string | undefined
  /** Folder to put it in; undefined: under `root`, where `--data NAME` finds it. */
  readonly to: string | undefined
  readonly root: string
  readonly signal: StopSignal
  readonly out: Terminal
}

/** `trmesh data verify`: rebuilds the official pools and compares their counts and hashes (spec 4.2). */
export interface VerifyOptions {
  /** Folder of the official files; undefined: what `trmesh data` downloaded. */
  readonly from: string | undefined
  readonly root: string
  readonly signal: StopSignal
  readonly out: Terminal
}

/** `trmesh import FILE`: weights of the official code as a checkpoint of the run that `config` names. */
export interface ImportOptions {
  readonly config: RunConfig
  /** A file of torch.save or of safetensors. */
  readonly file: string
  /** Optimizer steps behind it; undefined: what the file's name or header says. */
  readonly step: number | undefined
  /** A table of another size is taken as its mean row, for every puzzle, as the official loader does (spec 7). */
  readonly meanRow?: boolean
  readonly root: string
  readonly signal: StopSignal
  readonly out: Terminal
}

/** `trmesh export`: weights of a checkpoint as safetensors with the official names. */
export interface ExportOptions {
  /** Folder of a checkpoint, or of a run: then its newest. */
  readonly checkpoint: string
  /** The weights themselves, not their average. */
  readonly raw: boolean
  /** undefined: a name made of run and step, in `cwd`. */
  readonly to: string | undefined
  /** Put before every official name. */
  readonly prefix: string
  /** data.source where it is not the checkpoint's. */
  readonly data: string | undefined
  /** Rows of the puzzle table; undefined: the puzzles of the data. */
  readonly puzzles: number | undefined
  readonly cwd: string
  readonly root: string
  readonly signal: StopSignal
  readonly out: Terminal
}

/** `trmesh doctor`. */
export interface DoctorOptions {
  readonly root: string
  /** A NATS server to knock at; undefined: none. */
  readonly busUrl: string | undefined
  /** Report as one JSON document. */
  readonly json?: boolean
  readonly out: Terminal
}

/** `trmesh report RUN`. */
export interface ReportOptions {
  /** Of the run. */
  readonly folder: string
  /** undefined: report.html in it. */
  readonly to: string | undefined
  readonly out: Terminal
}

/** `trmesh check-submission FILE`. */
export interface CheckSubmissionOptions {
  readonly file: string
  /** Which tasks the sheet must answer. */
  readonly data: RunConfig['data']
  readonly root: string
  readonly out: Terminal
}
