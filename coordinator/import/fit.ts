// Do these tensors belong to this network? Official names with any of their prefixes, shapes against the layout; everything
// that does not fit is said at once, with the network that the shapes tell of. Names and shapes: spec 1.2.
import { compileConfig } from '../../shared/config/compile.js'
import { MIXER_NAMES } from '../../shared/config/model-name.js'
import type { ModelConfig } from '../../shared/config/run-config.js'
import { PRESET_NAMES, type PresetName } from '../../shared/config/schema.js'
import { CheckpointRefused } from '../../shared/errors.js'
import { layoutOf, type LayoutEntry } from '../../shared/gradients/layout.js'
import { layersOf, recursionOf } from '../../shared/recursion.js'
import { FEED_FORWARD, MIXERS, swigluWidth } from '../../shared/sub-layers.js'
import { shown } from './shown.js'

/** What is known of a tensor without reading it. */
export interface NamedShape {
  readonly name: string
  readonly shape: readonly number[]
}

export const TABLE = 'puzzle_emb.weights'

/** The tensors of a file, each in the place where this network has it. */
export interface Fitted<T extends NamedShape> {
  /** In the order of the layout. */
  readonly dense: readonly { readonly entry: LayoutEntry; readonly tensor: T }[]
  /** What fresh states begin with, one a state, the answer's first. */
  readonly inits: readonly T[]
  /** f32 [puzzles, puzzleEmbDim]; undefined where the model has no puzzle embeddings. */
  readonly table: T | undefined
  /** Names of tensors that training makes anew. */
  readonly ignored: readonly string[]
}

/** Problems told one by one; a file of another network has hundreds. */
const TOLD = 30

/** Tokens of the kinds of data (spec 4). */
const KINDS: Readonly<Record<number, string>> = { 12: 'arc', 11: 'sudoku', 6: 'maze' }

/** Buffers that some versions save although they are recomputed. */
const RECOMPUTED = /^(puzzle_emb\.local_(weights|ids)|rotary_emb\.(cos|sin)_cached)$/

/** The name under `inner.` (spec 1.2), whatever wrapped the module: torch.compile, DDP, the loss head. */
export const plainName = (name: string): string =>
  name.replace(/(^|\.)_orig_mod(?=\.)/g, '').replace(/^\.?((module|model|inner)\.)*/, '')

const text = (shape: readonly number[]): string => (shape.length === 0 ? 'a scalar' : shape.join('x'))

/**
 * @param file its name, for messages
 * @throws CheckpointRefused naming every tensor that is missing, left over or of another shape, and what would fit
 */
export function fitWeights<T extends NamedShape>(tensors: readonly T[], model: ModelConfig, file: string): Fitted<T> {
  const problems: string[] = []
  const ignored: string[] = []
  const found = new Map<string, T>()
  for (const tensor of tensors) {
    const name = plainName(tensor.name)
    const other = found.get(name)
    if (RECOMPUTED.test(name)) ignored.push(tensor.name)
    else if (other === undefined) found.set(name, tensor)
    else problems.push(`${shown(other.name)} and ${shown(tensor.name)} are both ${shown(name)}`)
  }
  const known = new Map(found)
  const take = (name: string, fits: (shape: readonly number[]) => boolean, due: string): T | undefined => {
    const tensor = found.get(name)
    found.delete(name)
    if (tensor === undefined) problems.push(`${name} (${due}) is missing`)
    else if (!fits(tensor.shape)) problems.push(`${name} is ${text(tensor.shape)}, the network has ${due}`)
    return tensor
  }
  const exactly = (shape: readonly number[]): [(found: readonly number[]) => boolean, string] => [
    (other) => text(other) === text(shape),
    text(shape),
  ]
  const dense = layoutOf(model).entries.map((entry) => ({ entry, tensor: take(entry.name, ...exactly(entry.shape)) }))
  const states = recursionOf(model).inits
  const inits = states.flatMap((name) => take(name, ...exactly([model.hidden])) ?? [])
  const { puzzleEmbDim } = model
  const isTable = (shape: readonly number[]): boolean => shape.length === 2 && shape[1] === puzzleEmbDim
  const table = puzzleEmbDim === 0 ? undefined : take(TABLE, isTable, `puzzles x ${puzzleEmbDim}`)
  for (const [name, { shape }] of found) problems.push(`${shown(name)} (${text(shape)}) is not of this network`)
  const complete = dense.filter((each): each is { entry: LayoutEntry; tensor: T } => each.tensor !== undefined)
  if (problems.length > 0)
    throw new CheckpointRefused(`${file} does not fit the configured network:\n${listed(problems)}`, remedyFor(known))
  return { dense: complete, inits, table, ignored }
}

function listed(problems: readonly string[]): string {
  const lines = problems.slice(0, TOLD).map((problem) => `  - ${problem}`)
  if (problems.length > TOLD) lines.push(`  - and ${problems.length - TOLD} more`)
  return lines.join('\n')
}

/** What the shapes say about the network. Heads, cycles and rotary positions leave no trace in them. */
export interface Inferred {
  readonly hidden: number
  readonly layers: number
  readonly hLayers: number
  readonly networks: ModelConfig['networks']
  readonly states: ModelConfig['states']
  /** Latent states, of which a model with `states` many has one a L cycle. */
  readonly latents: number
  readonly vocab: number
  readonly mixer: ModelConfig['mixer']
  readonly swiglu: ModelConfig['swiglu']
  /** Of Mamba-2; undefined where there is none. */
  readonly mamba: Pick<ModelConfig, 'stateSize' | 'stateHead'> | undefined
  readonly learnedPositions: boolean
  /** Undefined where no whole or half number gives the widths found. */
  readonly expansion: number | undefined
  /** Puzzle and grid positions together; undefined where no weight depends on them. */
  readonly positions: number | undefined
  /** 0 rows of width 0 where there is no table. */
  readonly puzzles: number
  readonly puzzleEmbDim: number
}

/** The mixer whose sub-layers are those named; attention where there is none. */
function mixerNamed(found: readonly (string | undefined)[]): ModelConfig['mixer'] {
  const text = (names: readonly (string | undefined)[]): string => [...new Set(names)].sort().join(' ')
  const mixers = Object.keys(MIXERS) as ModelConfig['mixer'][]
  return mixers.find((mixer) => text([...Object.keys(MIXERS[mixer]), FEED_FORWARD]) === text(found)) ?? 'attention'
}

/** @returns undefined where even the embedding of tokens is missing: then it is another kind of network */
export function inferModel(tensors: ReadonlyMap<string, NamedShape>): Inferred | undefined {
  const size = (name: string, axis: number): number | undefined => tensors.get(name)?.shape[axis]
  const vocab = size('embed_tokens.embedding_weight', 0)
  const hidden = size('embed_tokens.embedding_weight', 1)
  if (vocab === undefined || hidden === undefined) return undefined
  const names = [...tensors.keys()]
  const layersNamed = (network: 'H' | 'L'): number =>
    new Set(names.filter((name) => name.startsWith(`${network}_level.layers.`)).map((name) => name.split('.')[2])).size
  const mambaIn = (name: string | undefined): Inferred['mamba'] => {
    const heads = size(name ?? '', 0)
    const channels = size(name?.replace('A_log', 'norm.weight') ?? '', 0)
    const convolved = size(name?.replace('A_log', 'conv1d.bias') ?? '', 0)
    if (heads === undefined || channels === undefined || convolved === undefined) return undefined
    return { stateSize: (convolved - channels) / 2, stateHead: channels / heads }
  }
  const [H, L] = [layersNamed('H'), layersNamed('L')]
  const first = `${L > 0 ? 'L' : 'H'}_level.layers.0`
  const inner = size(`${first}.mlp.gate_up_proj.weight`, 0)
  const latents = names.filter((name) => /^L\d*_init$/.test(name)).length
  const halves = [4, ...Array.from({ length: 64 }, (_, i) => (i + 1) / 2)]
  return {
    hidden,
    layers: L > 0 ? L : H,
    hLayers: L > 0 && H > 0 && H !== L ? H : 0,
    networks: L > 0 && H > 0 ? 'two' : 'shared',
    states: L === 0 ? 'answer' : latents > 1 ? 'many' : latents === 1 && !tensors.has('H_init') ? 'one' : 'two',
    latents,
    vocab,
    mixer: mixerNamed(names.filter((name) => name.startsWith(`${first}.`)).map((name) => name.split('.')[3])),
    swiglu: tensors.has(`${first}.${FEED_FORWARD}.dwconv.weight`) ? 'conv' : 'plain',
    mamba: mambaIn(names.find((name) => name.startsWith(first) && name.endsWith('.A_log'))),
    learnedPositions: tensors.has('embed_pos.embedding_weight'),
    expansion: halves.find((expansion) => 2 * swigluWidth(hidden, expansion) === inner),
    positions: size(`${first}.mlp_t.gate_up_proj.weight`, 1) ?? size('embed_pos.embedding_weight', 0),
    puzzles: size(TABLE, 0) ?? 0,
    puzzleEmbDim: size(TABLE, 1) ?? 0,
  }
}

/** Rows of the official tables (spec 8.3 and 4.2): they tell ARC-1 from ARC-2. */
const OFFICIAL_ROWS: Readonly<Partial<Record<PresetName, number>>> = { arc1: 876406, arc2: 1191730 }

/** Presets whose network has these shapes; the one with the official number of puzzles first. */
export function presetsThatFit(found: Inferred): PresetName[] {
  return PRESET_NAMES.filter((preset) => {
    const { model } = compileConfig({ preset, env: {}, flags: {} })
    return (
      model.hidden === found.hidden &&
      model.layers === found.layers &&
      layersOf(model).H === layersOf(found).H &&
      model.states === found.states &&
      model.vocab === found.vocab &&
      model.mixer === found.mixer &&
      (model.swiglu === 'conv') === (found.swiglu === 'conv') &&
      (found.mamba === undefined ||
        (model.stateSize === found.mamba.stateSize && model.stateHead === found.mamba.stateHead)) &&
      model.expansion === found.expansion &&
      (model.positions === 'learned') === found.learnedPositions &&
      model.puzzleEmbDim === found.puzzleEmbDim &&
      (found.positions === undefined || found.positions === model.puzzleEmbLen + model.seqLen)
    )
  }).sort((a, b) => Number(OFFICIAL_ROWS[b] === found.puzzles) - Number(OFFICIAL_ROWS[a] === found.puzzles))
}

function remedyFor(tensors: ReadonlyMap<string, NamedShape>): string {
  const found = inferModel(tensors)
  if (found === undefined)
    return 'the file must hold a state_dict of TRM with the names of the official code; other networks are not read'
  const { hidden, layers, vocab, mixer, expansion, positions, puzzles, puzzleEmbDim, learnedPositions } = found
  const { networks, hLayers, states, latents, swiglu, mamba } = found
  const about =
    `the file holds a ${networks === 'two' ? 'model of two networks' : `TRM-${MIXER_NAMES[mixer]}`} of ${layers} layers, ${hidden} wide, with ${vocab} tokens` +
    `${positions === undefined ? '' : `, ${positions} positions`}${learnedPositions ? ' (learned)' : ''}` +
    `${puzzles === 0 ? ' and no puzzle table' : ` and ${puzzles} puzzle rows`}`
  const presets = presetsThatFit(found)
  if (presets.length > 0) return `${about}: import it with --preset ${presets.join(' or --preset ')}`
  const attends = Object.values(MIXERS[mixer]).includes('attention')
  const place = learnedPositions ? 'learned' : attends ? 'rope' : 'none'
  const flags = [
    KINDS[vocab] === undefined ? '' : `--data.kind ${KINDS[vocab]}`,
    `--model.hidden ${hidden} --model.layers ${layers} --model.mixer ${mixer} --model.positions ${place}`,
    swiglu === 'plain' ? '' : `--model.swiglu ${swiglu}`,
    mamba === undefined ? '' : `--model.stateSize ${mamba.stateSize} --model.stateHead ${mamba.stateHead}`,
    mamba === undefined ? '' : '--model.scan as it was trained',
    networks === 'two' ? '--model.networks two --model.gradient last --model.halting continue (as HRM)' : '',
    hLayers === 0 ? '' : `--model.hLayers ${hLayers}`,
    states === 'two' ? '' : `--model.states ${states}`,
    states === 'answer' ? '--model.lCycles 0' : states === 'many' ? `--model.lCycles ${latents}` : '',
    expansion === undefined ? '--model.expansion (of its SwiGLU)' : `--model.expansion ${expansion}`,
    `--model.puzzleEmbDim ${puzzleEmbDim}`,
    positions === undefined ? '' : `with --model.puzzleEmbLen and --canvas that make ${positions} positions`,
    '--model.heads as it was trained (8 officially; shapes do not tell)',
  ]
  return `${about}: set ${flags.filter((flag) => flag !== '').join(' ')}`
}
