// One message of every type that the protocol knows, for tests of what writes and reads them.
import type { Channel } from '../../shared/protocol/messages.js'

const data = Uint8Array.of(1, 2, 3, 255)
const at = { epoch: 3, step: 7 }
const sums = {
  ...{ lossTotal: 1.5, lmLoss: NaN, qHaltLoss: Infinity, count: 3 },
  ...{ accuracy: 0.1, exactAccuracy: 0, qHaltAccuracy: 1, steps: 12, cells: 99, flops: 1e12 },
}

/** One of each. A change here is a change of the protocol: PROTOCOL_VERSION must grow with it. */
export const MESSAGES: Readonly<Record<Channel, readonly Readonly<Record<string, unknown>>[]>> = {
  hello: [{ type: 'hello', worker: 'w-1', run: 'r', protocol: 1, label: 'l', host: 'h', pid: 4, metrics: '' }],
  helloReply: [
    { type: 'welcome', coordinator: 'c-1', run: 'r', config: '{}', data: 'abc' },
    { type: 'refused', refusal: 'run-is-over', why: 'done' },
  ],
  worker: [
    { type: 'prepared', layout: 'aa', backend: 'wasm', device: 'CPU', precision: 'f32' },
    { type: 'ready', epoch: 3, params: 'ff' },
    { type: 'beat', ...at, phase: 'reducing', rss: 2 ** 40, gapMs: 0.25, wireIn: 1, wireOut: 2 },
    { type: 'rowGradients', ...at, inner: 3, first: 2, data },
    { type: 'result', ...at, inner: 3, sums: [sums, sums], halted: data, steps: data },
    { type: 'vote', ...at, finite: true, mean: 'a', params: 'b', norm: 0.5, phases: [1, 2.5] },
    { type: 'snapshotReady', snapshot: 'step-7-3', step: 7 },
    { type: 'evaluated', evaluation: 1, unit: 2, preds: data, q: data, halts: data },
    {
      ...{ type: 'measured', measurement: 1, failure: '', parameters: 15_000_000, recompute: false },
      train: { steps: 2, samples: 4, tokens: 4000, seconds: 1.5, joules: NaN, warm: true },
      answer: { answers: 1, promptSeconds: 0.5, tokens: 20, tokenSeconds: 0.25, joules: 3 },
      ...{ restBytes: 1, peakBytes: 2 ** 34, energy: 'not told' },
    },
    { type: 'leaving', why: 'asked' },
    { type: 'trouble', code: 'x', message: 'm', remedy: 'r' },
  ],
  coordinator: [
    {
      ...{ type: 'assign', ...at, members: ['w-1', 'w-2'], shares: [2, 1] },
      ...{ slots: [0, 1], carry: ['keep', 'pull'], holders: ['', 'w-2'], copies: ['', 'join-2'] },
      ...{ draws: [1, 2], steps: [0, 3], source: 'self', snapshot: 'join-3', keep: 'join-3', dense: false },
    },
    { type: 'examples', slots: [1], draws: [2], puzzles: [900_000], inputs: data, labels: data },
    { type: 'rows', ...at, first: 0, data },
    { type: 'begin', ...at, slots: [], draws: [], puzzles: [5], frozen: true },
    { type: 'commit', ...at },
    { type: 'discard', ...at, why: 'stalled' },
    { type: 'snapshot', snapshot: 's', step: 7, dense: true },
    { type: 'release', snapshot: 's' },
    { type: 'again', epoch: 3 },
    {
      type: 'evaluate',
      evaluation: 1,
      unit: 0,
      step: 7,
      inputs: data,
      rows: data,
      boxes: data,
      steps: [1, 16],
      early: true,
      cycles: false,
      noise: { seed: 1, sigma: 0.3, states: 'all' },
      draws: [1, 2],
      chains: [],
    },
    {
      ...{ type: 'measure', measurement: 1, subject: 'llm-15m-lora', seconds: 10.5, tokens: data },
      ...{ lengths: [2], prompts: [1], inputs: data, labels: data },
    },
    { type: 'rejoin', why: 'unknown' },
    { type: 'stop', why: 'done', finished: true },
  ],
  gradients: [
    { type: 'part', ...at, bucket: 0, node: 3, source: 'w-1', crc: 2 ** 32 - 1, data },
    { type: 'ask', ...at, source: 'w-1', buckets: [0, 2] },
    { type: 'lack', ...at, target: 'w-1', buckets: [0, 2], nodes: [1, 3] },
    { type: 'mean', ...at, bucket: 0, crc: 0, data },
  ],
  pull: [{ type: 'pull', snapshot: 's', segment: 'ema', slot: 0, offset: 2 ** 33, length: 8 }],
  pullReply: [
    { type: 'range', crc: 1, data },
    { type: 'gone', why: 'released' },
  ],
  beacon: [{ type: 'beacon', run: 'r', coordinator: 'c-1', ...at }],
}
