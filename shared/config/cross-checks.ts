// Checks that need more than one setting. Each says which settings disagree and what would make them agree.
import { DIHEDRALS } from '../arc/grid.js'
import { SUDOKU_SIDES } from '../puzzles/sudoku.js'
import type { RunConfig } from './run-config.js'
import { groupsOf } from '../gradients/group-tree.js'
import { callsOf } from '../recursion.js'
import { MAMBA_EXPAND, MIXERS } from '../sub-layers.js'
import { DATA_SOURCES, isNamedSource, sidesOf } from './settings-data.js'

/** Grids of the published puzzles, and those that are generated in smaller sizes too. */
const GRID: Readonly<Partial<Record<RunConfig['data']['kind'], number>>> = { sudoku: 9, maze: 30 }
const isGenerated = (kind: RunConfig['data']['kind'], canvas: number): boolean =>
  kind === 'sudoku' ? SUDOKU_SIDES.includes(canvas) : canvas >= 5

/** Everything wrong between the settings of a configuration whose single settings are right. */
export function crossProblems({ model, data, train, reduce, cluster, evaluate }: RunConfig): string[] {
  const headSize = model.hidden / model.heads
  const grid = GRID[data.kind]
  const sources: readonly string[] = DATA_SOURCES[data.kind]
  const mixes = Object.values(MIXERS[model.mixer])
  const attends = mixes.includes('attention')
  const inner = MAMBA_EXPAND * model.hidden
  const calls = callsOf(model).length
  const checks: readonly (string | false)[] = [
    model.hidden % model.heads !== 0 &&
      `model.hidden (${model.hidden}) must be a multiple of model.heads (${model.heads})`,
    attends &&
      model.positions === 'rope' &&
      Number.isInteger(headSize) &&
      headSize % 2 !== 0 &&
      `model.hidden / model.heads (${headSize}) must be even for model.positions rope`,
    !attends &&
      model.positions === 'rope' &&
      `model.positions rope has no effect with model.mixer ${model.mixer}; set model.positions to none`,
    model.trim > 0 &&
      data.kind !== 'arc' &&
      `model.trim (${model.trim}) must be 0 for data.kind ${data.kind}, whose boards fill their canvas`,
    model.trim > 0 &&
      (model.mixer !== 'attention' || model.positions === 'learned') &&
      `model.trim (${model.trim}) must be 0 with model.mixer ${model.mixer} and model.positions ${model.positions}: only attention with rope, or none, takes samples of any length`,
    model.trim > 0 &&
      model.swiglu === 'conv' &&
      `model.trim (${model.trim}) must be 0 with model.swiglu conv, which would join cells that are not neighbours`,
    mixes.includes('mamba') &&
      inner % model.stateHead !== 0 &&
      `model.stateHead (${model.stateHead}) must divide ${inner}, ${MAMBA_EXPAND} times model.hidden`,
    !mixes.includes('mamba') &&
      (model.scan !== 'causal' || model.stateSize !== 128 || model.stateHead !== 64) &&
      `model.scan, model.stateSize and model.stateHead have no effect with model.mixer ${model.mixer}; leave them out, or set it to mamba or hybrid`,
    model.gradedCalls > calls &&
      `model.gradedCalls (${model.gradedCalls}) must be at most the calls of a supervision step (${calls})`,
    model.gradedCalls > 0 &&
      (model.gradient === 'last' || model.gradedCycles > 1) &&
      `model.gradedCalls (${model.gradedCalls}) must be 0 with model.gradient last or model.gradedCycles above 1`,
    evaluate.canvas === 'shown' &&
      model.trim === 0 &&
      'evaluate.canvas must be whole with model.trim 0: such a model has learned with all of the canvas there',
    model.trim === 0 &&
      model.trimMargin > 0 &&
      `model.trimMargin (${model.trimMargin}) must be 0 with model.trim 0, where all of the canvas is computed`,
    evaluate.relabel === 'on' &&
      evaluate.rollouts === 0 &&
      'evaluate.relabel has no effect with evaluate.rollouts 0: set it to the number of copies',
    evaluate.relabel === 'on' &&
      data.kind === 'arc' &&
      'evaluate.relabel must be off for data.kind arc, whose copies vote: see evaluate.augmentations',
    evaluate.rollouts > 1 &&
      evaluate.sigma === 0 &&
      evaluate.relabel === 'off' &&
      model.start === 'fixed' &&
      `evaluate.rollouts (${evaluate.rollouts}) must be 0 with evaluate.sigma 0 and evaluate.relabel off: all would answer alike`,
    evaluate.rollouts > DIHEDRALS &&
      evaluate.sigma === 0 &&
      evaluate.relabel === 'on' &&
      data.kind === 'maze' &&
      `evaluate.rollouts (${evaluate.rollouts}) must be at most ${DIHEDRALS} with evaluate.sigma 0: a maze has no more views`,
    model.networks === 'shared' &&
      model.hLayers !== 0 &&
      `model.hLayers (${model.hLayers}) must be 0 with model.networks shared, which has no H of its own`,
    model.networks === 'two' &&
      (model.states === 'one' || model.states === 'answer') &&
      `model.networks two needs model.states two or many; with ${model.states} a single network does everything`,
    model.states === 'answer' &&
      model.lCycles !== 0 &&
      `model.lCycles (${model.lCycles}) must be 0 with model.states answer, which has no thoughts`,
    model.states !== 'answer' &&
      model.lCycles === 0 &&
      `model.lCycles must be at least 1 with model.states ${model.states}: only thoughts see the question`,
    model.gradedCycles > model.hCycles &&
      `model.gradedCycles (${model.gradedCycles}) must be at most model.hCycles (${model.hCycles})`,
    model.gradedCycles > 1 &&
      model.gradient === 'last' &&
      `model.gradedCycles (${model.gradedCycles}) must be 1 with model.gradient last`,
    model.start === 'fixed' &&
      model.startStd !== 1 &&
      `model.startStd (${model.startStd}) has no effect with model.start fixed; set model.start to around or random`,
    model.chains > 1 &&
      (model.states === 'one' || model.states === 'answer') &&
      `model.chains (${model.chains}) must be 1 with model.states ${model.states}: chains differ in their thoughts`,
    model.chainStarts === 'aligned' &&
      (model.chains === 1 || model.start === 'random') &&
      'model.chainStarts must be drawn with a single chain or with model.start random, which has no fixed starts to align',
    (model.puzzleEmbDim === 0) !== (model.puzzleEmbLen === 0) &&
      `model.puzzleEmbDim (${model.puzzleEmbDim}) and model.puzzleEmbLen (${model.puzzleEmbLen}) must both be 0, or neither`,
    model.puzzleEmbLen > 0 &&
      model.puzzleEmbDim > model.puzzleEmbLen * model.hidden &&
      `model.puzzleEmbDim (${model.puzzleEmbDim}) must be at most model.puzzleEmbLen x model.hidden (${model.puzzleEmbLen * model.hidden})`,
    grid !== undefined &&
      data.canvas !== grid &&
      !(data.source === 'generated' && isGenerated(data.kind, data.canvas)) &&
      `data.canvas (${data.canvas}) must be ${grid} for data.kind ${data.kind}; with data.source generated it may be ${data.kind === 'sudoku' ? SUDOKU_SIDES.join(', ') : 'any from 5 on'}`,
    data.sizes !== '' &&
      (data.kind === 'arc' || data.source !== 'generated') &&
      `data.sizes (${data.sizes}) must be empty but for data.kind sudoku or maze with data.source generated`,
    data.sizes !== '' &&
      data.kind !== 'arc' &&
      sidesOf(data).some((side) => !isGenerated(data.kind, side)) &&
      `data.sizes (${data.sizes}) must be of ${data.kind === 'sudoku' ? SUDOKU_SIDES.join(', ') : 'at least 5'} for data.kind ${data.kind}`,
    data.sizes !== '' &&
      Math.max(...sidesOf(data)) !== data.canvas &&
      `data.canvas (${data.canvas}) must be the largest of data.sizes (${data.sizes})`,
    isNamedSource(data.source) &&
      !sources.includes(data.source) &&
      `data.source ${data.source} holds no ${data.kind} tasks; for data.kind ${data.kind} it is ${sources.join(', ')} or a folder`,
    data.firstPuzzle > 1 &&
      data.kind !== 'arc' &&
      `data.firstPuzzle (${data.firstPuzzle}) must be 1 for data.kind ${data.kind}, whose puzzles share one row`,
    train.freezeDense > 0 &&
      model.puzzleEmbDim === 0 &&
      `train.freezeDense (${train.freezeDense}) must be 0 where model.puzzleEmbDim is 0: nothing would learn`,
    reduce.localSteps > 1 &&
      (train.optimizer !== 'adam-atan2' || train.clipNorm > 0 || train.moveEvery > 1) &&
      'reduce.localSteps must be 1 with train.optimizer muon, train.clipNorm or train.moveEvery: local steps are those of AdamATan2',
    train.curriculum === 'depth' &&
      model.states === 'many' &&
      'train.curriculum depth needs model.states two, one or answer: with many, lCycles is the number of states',
    reduce.bucketBytes % 4 !== 0 && `reduce.bucketBytes (${reduce.bucketBytes}) must be a multiple of 4`,
    reduce.inFlightBytes < reduce.bucketBytes &&
      `reduce.inFlightBytes (${reduce.inFlightBytes}) must be at least reduce.bucketBytes (${reduce.bucketBytes})`,
    cluster.deadAfterMs < 3 * cluster.heartbeatMs &&
      `cluster.deadAfterMs (${cluster.deadAfterMs}) must be at least 3 x cluster.heartbeatMs (${3 * cluster.heartbeatMs})`,
    reduce.mode === 'exact' &&
      reduce.wire === 'int8' &&
      'reduce.wire must be bf16 or f32 for reduce.mode exact: what int8 carries to the next step depends on the workers',
    reduce.mode === 'exact' &&
      cluster.minWorkers > groupsOf(train.slots, reduce) &&
      `cluster.minWorkers (${cluster.minWorkers}) must be at most train.slots / reduce.group (${groupsOf(train.slots, reduce)}) for reduce.mode exact: a worker needs a group`,
    reduce.localSteps > 1 &&
      reduce.mode === 'exact' &&
      `reduce.localSteps (${reduce.localSteps}) must be 1 for reduce.mode exact: what a worker learns alone depends on which slots it has`,
    train.steps % reduce.localSteps !== 0 &&
      `train.steps (${train.steps}) must be a multiple of reduce.localSteps (${reduce.localSteps}): set it to ${Math.ceil(train.steps / reduce.localSteps) * reduce.localSteps}`,
    cluster.minWorkers > train.slots &&
      `cluster.minWorkers (${cluster.minWorkers}) must be at most train.slots (${train.slots}): a worker needs a slot`,
  ]
  return checks.filter((problem) => problem !== false)
}
