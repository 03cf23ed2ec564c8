// What `trmesh size` prints: the needs of one run as tables that a terminal and a page show alike, and the whole page,
// deploy/SIZING.md. Every number says what it is.
import { compileConfig } from '../../shared/config/compile.js'
import { PRESET_NAMES } from '../../shared/config/schema.js'
import type { RunConfig } from '../../shared/config/run-config.js'
import { layoutOf } from '../../shared/gradients/layout.js'
import {
  ALLREDUCE_CPU,
  ALLREDUCE_POINTS,
  BROKER_CPU,
  DEVICES,
  ENCODER,
  MEMORY,
  POINT_CORES,
  POINT_ELEMENTS,
} from './figures.js'
import type { DeviceName, Figure } from './figures.js'
import { sampleFlops } from './kept.js'
import { reduceOnOneMachine, sizeOf, storageOf, type Ground } from './model.js'

export interface SizeOptions {
  readonly config: RunConfig
  readonly workers: readonly number[]
  readonly device: DeviceName
  /** Samples a second that one worker was seen to do; undefined: from the device's figure. */
  readonly rate: number | undefined
  /** Of one device and hour, in whatever currency. */
  readonly price: number | undefined
  /** Gbit/s. */
  readonly workerLine: number
  readonly brokerLine: number
  readonly brokerCores: number
}

export const DEFAULT_GROUND = { workerLine: 10, brokerLine: 25, brokerCores: 8 } as const
export const DEFAULT_WORKERS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000] as const
const LATENCY = 0.5e-3

const grouped = (value: number, digits: number): string =>
  value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })

/** Three digits that count. */
const short = (value: number): string => grouped(value, value >= 99.5 ? 0 : value >= 9.95 ? 1 : value >= 0.995 ? 2 : 3)

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const

export function bytesText(bytes: number): string {
  const power = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)))
  return `${short(bytes / 1000 ** power)} ${UNITS[power] ?? ''}`
}

/** Columns of equal width, so that it can be read as text too; numbers to the right, first column and words to the left. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const words = head.map((_, i) => i === 0 || rows.every((row) => !/^[+-]?\d/.test(row[i] ?? '')))
  const widths = head.map((title, i) => Math.max(...[head, ...rows].map((row) => (row[i] ?? title).length)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => (words[i] === true ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(' | ')} |`
  const rule = `|${widths.map((width, i) => (words[i] === true ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  return [line(head), rule, ...rows.map(line)].join('\n')
}

function rateOf({ config, device, rate }: SizeOptions): Figure {
  const { train } = sampleFlops(config)
  if (rate !== undefined) return { value: rate * train, source: `given: ${short(rate)} samples/s a worker` }
  const { flops, otherwise } = DEVICES[device]
  return (flops as Readonly<Record<string, Figure | undefined>>)[config.preset] ?? otherwise
}

const groundOf = (options: SizeOptions, flops: number): Ground => ({
  flops,
  workerLine: (options.workerLine * 1e9) / 8,
  brokerLine: (options.brokerLine * 1e9) / 8,
  brokerCores: options.brokerCores,
  latency: LATENCY,
})

const sentence = (text: string): string => `${text}.`

/** One run: what it is, time and traffic by number of workers, memory and disk. */
export function sizeText(options: SizeOptions): string {
  const { config, price } = options
  const { model, train, reduce } = config
  const speed = rateOf(options)
  const ground = groundOf(options, speed.value)
  const { train: flops, share } = sampleFlops(config)
  const device = options.rate === undefined ? DEVICES[options.device].name : 'a worker of the rate given'
  const rows = options.workers.map((workers) => {
    const size = sizeOf(config, workers, ground)
    return [
      String(workers),
      short(size.computeSeconds),
      size.reduce.bound === 'nothing' ? '0' : short(size.reduce.seconds / reduce.localSteps),
      `${short(100 * size.efficiency)} %`,
      short(size.runHours),
      short(size.deviceHours),
      ...(price === undefined ? [] : [short(size.deviceHours * price)]),
      bytesText(size.wireBytes),
      `${bytesText(size.brokerIn)}/s`,
      `${bytesText(size.brokerOut)}/s`,
      short(size.brokerCoresUsed),
      size.reduce.bound,
    ]
  })
  const cost = price === undefined ? [] : ['cost']
  const head = [
    'workers',
    'compute s',
    'reduce s',
    'compute is',
    'hours',
    'device hours',
    ...cost,
    'wire',
    'server in',
    'server out',
    'its cores',
    'reduce waits for',
  ]
  const most = Math.min(train.slots, Math.max(...options.workers))
  const storage = storageOf(config, most)
  const local = reduce.localSteps > 1
  const puzzles =
    storage.puzzles === undefined
      ? 'puzzle rows as the data has them'
      : `puzzle table ${bytesText(storage.puzzles)} when all rows were touched`
  return [
    `Preset ${config.preset}: ${grouped(train.steps, 0)} steps of ${grouped(train.slots, 0)} slots, ${grouped(layoutOf(model).elements, 0)} dense parameters, ` +
      `${short(flops / 1e9)} GFLOP a sample (modelled${share === undefined ? '' : `; trimmed, ${short(100 * share)} % of the whole canvas on average`}), ${reduce.topology} ${reduce.wire}${local ? `, exchanged every ${reduce.localSteps} steps` : ''}.`,
    `Speed: ${device}, ${short(speed.value / flops)} samples/s = ${short(speed.value / 1e12)} TFLOP/s (${speed.source}).`,
    '',
    table(head, rows),
    '',
    sentence(
      `All of it modelled from that speed and from measured costs of the all-reduce; lines of ${options.workerLine} Gbit/s for a worker and ` +
        `${options.brokerLine} Gbit/s for one nats-server with ${options.brokerCores} cores. Evaluations and checkpoints come on top`,
    ),
    ...(train.slots < Math.max(...options.workers)
      ? [`More than ${train.slots} workers have nothing to do: a worker has at least one slot.`]
      : []),
    '',
    table(
      ['memory and disk', 'size', 'what it is'],
      [
        [
          'joiner receives',
          bytesText(storage.state),
          `weights, average, two moments${local ? ', outer momentum' : ''} (exact)`,
        ],
        ...(local
          ? [
              [
                'round of a worker',
                bytesText(storage.round),
                'weights and moments of its own until the exchange (exact)',
              ],
            ]
          : []),
        [
          'carry of a slot',
          bytesText(storage.carryPerSlot * (local ? 2 : 1)),
          `z_H and z_L in f32, at its worker${local ? ', before the round and in it' : ''} (exact)`,
        ],
        ['worker', bytesText(MEMORY.worker.value), MEMORY.worker.source],
        [
          'coordinator',
          bytesText(MEMORY.coordinator.value + (storage.puzzles ?? 0)),
          `${MEMORY.coordinator.source}; ${puzzles} (modelled)`,
        ],
        [
          'nats-server',
          bytesText(MEMORY.broker.value),
          `${MEMORY.broker.source}; up to max_pending more for each slow client`,
        ],
        [
          'checkpoint',
          bytesText(storage.checkpoint),
          `${puzzles}, all carries${local ? `, the moments of ${most} workers` : ''} (modelled)`,
        ],
        ['disk', bytesText(storage.disk), 'checkpoint.keepLast + keepBest, and one being written (modelled)'],
      ],
    ),
  ].join('\n')
}

/** Measured and modelled all-reduce side by side. */
function checkTable(): string {
  const rows = ALLREDUCE_POINTS.flatMap((point) =>
    (['sharded', 'star'] as const).map((topology) => {
      const reduce = {
        topology,
        wire: point.wire,
        mode: 'fast' as const,
        group: 1,
        bucketBytes: 512 * 1024,
        inFlightBytes: 8 << 20,
      }
      const modelled = 1000 * reduceOnOneMachine(POINT_ELEMENTS, point.workers, POINT_CORES, reduce)
      const measured = point[topology]
      return [
        `${point.wire}, ${point.workers} workers, ${topology}`,
        String(measured),
        modelled.toFixed(0),
        `${modelled < measured ? '' : '+'}${((modelled / measured - 1) * 100).toFixed(0)} %`,
      ]
    }),
  )
  return table(['7 million elements', 'measured ms', 'modelled ms', 'off by'], rows)
}

/** deploy/SIZING.md. */
export function sizingPage(): string {
  const runs = PRESET_NAMES.flatMap((preset) => {
    const config = compileConfig({ preset, env: {}, flags: {} })
    const generated = config.data.source === 'generated'
    // Small boards are over in minutes wherever they run.
    if (generated && preset !== 'tiny') return []
    return (generated ? (['cpu'] as const) : (['h100', 'l40s'] as const)).map((device) => {
      const workers = device === 'cpu' ? DEFAULT_WORKERS.filter((n) => n <= config.train.slots) : DEFAULT_WORKERS
      const options = { config, workers, device, rate: undefined, price: undefined, ...DEFAULT_GROUND }
      return `## ${preset} on ${device}\n\n${sizeText(options)}`
    })
  })
  return `# Sizing

Generated by \`npx trmesh size --page > deploy/SIZING.md\`; a test keeps it fresh. For a run of your own:

    npx trmesh size --preset arc1 --workers 8 --gpu h100 --price 2.5
    npx trmesh size --preset arc1 --rate 120 --workers 1,2,4      with the samples/s that you measured on one worker

**trmesh itself has not been timed on a GPU.** The speeds of GPUs below are those of the official PyTorch code in bf16, from its published run times; the
backend tensorflow computes in f32 and will be slower. Measure one worker for a hundred steps (dashboard Run, samples/s) and give that as \`--rate\`.

## The model

A step is compute, then reduce. **Compute**: the slots of the busiest worker times modelled FLOPs a sample (shared/flops.ts), by the speed of the device.
**Reduce** (G bytes of gradient, W workers, sharded): everybody sends G and receives 2 G (W - 1) / W, the server takes in W G and gives out 2 (W - 1) G; star: the server
takes in (W + 1) G and gives out 2 W G. It takes as long as the slowest of: a worker's I/O thread, a worker's line, the server's cores, the server's line;
and ${1000 * 2 * LATENCY} ms for two ways through the server (assumed). Processor time for each MB through the server, all processes together:
${ALLREDUCE_CPU.bf16.value} ms in bf16, ${ALLREDUCE_CPU.f32.value} ms in f32 (${ALLREDUCE_CPU.bf16.source}); of it the server's: ${BROKER_CPU.value} ms (${BROKER_CPU.source}).
Examples, puzzle rows and their gradients are in the traffic at their most. With \`reduce.localSteps\` H the gradient's bytes and the time of the reduce are spread over the H steps
of a round (the server sees them in bursts), rows and examples travel every step as before. One encoder thread of the coordinator feeds ${grouped(ENCODER.value, 0)} samples/s (${ENCODER.source}).

Not in it: unequal workers (the slowest sets the pace), lost steps, evaluation, and anything beyond one nats-server. It was checked where everything shares two cores of one
machine, the only place where it was measured; what it says of many machines is an extrapolation:

${checkTable()}

Read from it: with these lines one nats-server carries eight H100 on an ARC preset with four fifths of the time spent on compute; from sixteen on its line sets the pace, and beyond
that more workers make a run slower, not faster. Then leaf nodes (deploy/nats/leaf.conf: what several workers of a site want crosses once), faster lines or more slots help.

${runs.join('\n\n')}
`
}
