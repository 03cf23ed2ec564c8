// What a GPU is asked the first time, in order: the steps of `npm run gpu-check`, as data. The first ones say whether the kernels
// are right, the next how fast they are, the last what tools that watch memory say. Each has a limit, and none waits for another.
import { join } from 'node:path'

export interface GpuStep {
  readonly name: string
  /** What it shows, for the report. */
  readonly shows: string
  readonly program: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly limitS: number
  /** Its stdout must be the same a second time. */
  readonly twice?: boolean
  /** A program that must be on the PATH; without it the step is left out, with the reason. */
  readonly needs?: string
}

export interface GpuStepOptions {
  readonly root: string
  readonly node: string
  /** Number of a GPU; `emulated`: the steps that a CPU can play, to rehearse. */
  readonly gpu: string
  /** Folder of the golden files. */
  readonly golden: string
  /** A folder with few small ones of them. */
  readonly small: string
}

const OP_TESTS = ['network', 'stacks', 'ops', 'loss', 'replica', 'replay']
/** What the tools find makes them end with this. */
const FOUND = '77'

export function gpuSteps({ root, node, gpu, golden, small }: GpuStepOptions): GpuStep[] {
  const built = (...path: string[]): string => join(root, '.build', ...path)
  const parity = (folder: string, precision: string): string[] => [built('test', 'parity', 'main.js'), folder, '--backend', 'native', '--gpu', gpu, '--precision', precision] // prettier-ignore
  const bench = (...args: string[]): string[] => [built('test', 'bench', 'main.js'), ...args, '--backend', 'native', '--gpu', gpu, '--json'] // prettier-ignore
  const emulated = gpu === 'emulated'
  const right: GpuStep[] = [
    { name: 'parity-f32', shows: 'golden numbers in f32, the same lines twice', program: node, args: parity(golden, 'f32'), limitS: 90, twice: true }, // prettier-ignore
    { name: 'parity-bf16', shows: 'golden numbers in bf16, the same lines twice', program: node, args: parity(golden, 'bf16'), limitS: 90, twice: true }, // prettier-ignore
    {
      name: 'ops',
      shows: 'every op against the reference, over odd shapes',
      program: node,
      args: ['--test', ...OP_TESTS.map((name) => built('test', 'native', `cuda-${name}.test.js`))],
      ...(emulated ? {} : { env: { TRMESH_TEST_GPU: gpu } }),
      limitS: 120,
    },
  ]
  if (emulated) return right
  const watched = (tool: string, precision: string, ...more: string[]): GpuStep => ({
    name: `${tool}-${precision}`,
    shows: `compute-sanitizer ${tool} on small golden models in ${precision}`,
    program: 'compute-sanitizer',
    args: ['--tool', tool, '--error-exitcode', FOUND, ...more, node, ...parity(small, precision)],
    limitS: 150,
    needs: 'compute-sanitizer',
  })
  return [
    { name: 'card', shows: 'the card and its driver', program: 'nvidia-smi', args: [], limitS: 20 },
    {
      name: 'build',
      shows: 'the engine is built for this card, and where cuBLASLt lies',
      program: node,
      args: [built('deploy', 'setup', 'native-main.js'), '--cuda', '--here'],
      limitS: 300,
    },
    ...right,
    { name: 'bits', shows: 'steps of real size give the same losses again, with the graph of the recursion and without', program: node, args: [built('test', 'gpu', 'bits.js'), gpu], limitS: 200, twice: true }, // prettier-ignore
    { name: 'sudoku-768', shows: 'Sudoku-MLP at batch 768, training and answers', program: node, args: bench('peer', '--preset', 'sudoku-mlp', '--batch', '768', '--rounds', '3'), limitS: 240 }, // prettier-ignore
    { name: 'arc-192', shows: 'ARC with attention at batch 192', program: node, args: bench('peer', '--preset', 'arc1', '--batch', '192', '--rounds', '3'), limitS: 300 }, // prettier-ignore
    { name: 'hybrid', shows: 'a training step of Mamba-2 with attention at the size of ARC, batch 32, by phase', program: node, args: bench('step', '--preset', 'hybrid-arc1', '--batch', '32'), limitS: 200 }, // prettier-ignore
    { name: 'curve', shows: '200 losses against PyTorch, or the CPU engine', program: node, args: bench('curve', '--preset', 'tiny'), limitS: 200 }, // prettier-ignore
    watched('memcheck', 'bf16'),
    watched('racecheck', 'bf16'),
    watched('initcheck', 'bf16'),
    watched('synccheck', 'bf16'),
    watched('memcheck', 'f32'),
    { name: 'arc-768', shows: 'ARC at batch 768, each side alone on the card', program: node, args: bench('peer', '--preset', 'arc1', '--batch', '768', '--rounds', '2', '--alone'), limitS: 400 }, // prettier-ignore
  ]
}
