// The evaluation desk: what it asks, what it makes of the answers, and what it does with answers that do not fit.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { EvaluationDesk, type DeskOptions } from '../../coordinator/evaluate/desk.js'
import type { RowAnswers } from '../../coordinator/evaluate/answers.js'
import type { EvaluationResult, EvaluationSet } from '../../coordinator/evaluate/result.js'
import { MOST_WATCHED, spread, watching } from '../../coordinator/evaluate/watch.js'
import { bytesOf } from '../../shared/bytes.js'
import { WireError } from '../../shared/errors.js'
import { stepOf, workerId } from '../../shared/ids.js'
import type { CoordinatorMessage } from '../../shared/protocol/messages.js'
import { blocksOf, isAskable, type Question } from '../../shared/question.js'

const A = workerId('w-a')
const SEQ = 3

/** Row r is right if its first token is r. */
const setOf = (rows: number): EvaluationSet => ({
  rows,
  description: `${rows} rows`,
  row: (puzzle) => ({ puzzle, inputs: Uint8Array.of(puzzle, 0, 0) }),
  scorer: () => {
    let right = 0
    let seen = 0
    return {
      add: (row, preds) => {
        seen++
        if (preds[0] === row) right++
      },
      finish: () => ({ score: right / seen, accuracies: [{ name: 'exact', value: right / seen, trials: seen }] }),
    }
  },
})

interface Seen {
  readonly desk: EvaluationDesk
  readonly results: EvaluationResult[]
  readonly rows: Map<number, RowAnswers>
}

function deskOf(rows: number, question: Question, options: Partial<DeskOptions> = {}): Seen {
  const results: EvaluationResult[] = []
  const seen = new Map<number, RowAnswers>()
  const desk = new EvaluationDesk(setOf(rows), {
    ...{ batch: 2, seqLen: SEQ, puzzleDim: 0, question, votes: 'fresh' as const, maxPayload: 1 << 20 },
    onAnswers: (row, answers) => seen.set(row, answers),
    onProgress: () => undefined,
    onResult: (_, result) => results.push(result),
    ...options,
  })
  return { desk, results, rows: seen }
}

type Asked = Extract<CoordinatorMessage, { type: 'evaluate' }>
const table = { dim: 0, gather: () => undefined, mean: () => new Float32Array(0) }
const hand = (desk: EvaluationDesk): Asked[] =>
  desk.hand([A], table).map(({ message }) => {
    assert.ok(message.type === 'evaluate')
    return message
  })

/** A worker whose answer after step s to row r is [r if s >= rightFrom(r), 0, 0], and which halts row r at haltAt(r). */
function answerOf(
  { evaluation, unit, inputs, steps, early }: Asked,
  rightFrom: (row: number) => number,
  haltAt: (row: number) => number,
): Parameters<EvaluationDesk['answer']>[1] {
  const rows = Array.from({ length: inputs.length / SEQ }, (_, i) => inputs[i * SEQ] as number)
  const blocks = [...steps.map((step) => () => step), ...(early ? [haltAt] : [])]
  const answers = blocks.flatMap((stepFor) => rows.map((row) => ({ row, step: stepFor(row) })))
  return {
    ...{ type: 'evaluated', evaluation, unit },
    preds: Uint8Array.from(answers.flatMap(({ row, step }) => [step >= rightFrom(row) ? row : 255, 0, 0])),
    q: bytesOf(Float32Array.from(answers, ({ row, step }) => row + step / 100)),
    halts: bytesOf(Uint16Array.from(early ? rows.map(haltAt) : [])),
  }
}

describe('the evaluation desk', () => {
  test('scores the last step, the other steps asked for, and early halting, of one pass', () => {
    const { desk, results, rows } = deskOf(5, { steps: [1, 4, 16], early: true })
    desk.begin(stepOf(7))
    while (!desk.over)
      for (const message of hand(desk)) {
        assert.deepEqual([message.steps, message.early], [[1, 4, 16], true])
        // Row r is right from step 4 r on, and halts at step 2 r: row 0 is right at once, row 4 at the end.
        desk.answer(
          A,
          answerOf(
            message,
            (row) => 4 * row,
            (row) => Math.max(1, 2 * row),
          ),
        )
      }
    const [{ score, after, early }] = results as [EvaluationResult]
    assert.equal(results.length, 1)
    assert.equal(score, 1)
    assert.deepEqual(
      after?.map(({ step, score }) => [step, score]),
      [
        [1, 0.2],
        [4, 0.4],
        [16, 1],
      ],
    )
    assert.deepEqual([early?.score, early?.meanSteps, early?.fullSteps], [0.2, (1 + 2 + 4 + 6 + 8) / 5, 16])
    const third = rows.get(3)
    assert.deepEqual(third?.after.map(({ step, preds, q }) => [step, preds[0], q.toFixed(2)]), [[1, 255, '3.01'], [4, 255, '3.04'], [16, 3, '3.16']]) // prettier-ignore
    assert.deepEqual([third?.early?.step, third?.early?.q.toFixed(2)], [6, '3.06'])
    assert.equal(desk.resultOf(stepOf(7))?.score, 1)
  })

  test('says nothing of early halting or other steps unless asked', () => {
    const { desk, results, rows } = deskOf(1, { steps: [16], early: false })
    desk.begin(stepOf(1))
    for (const message of hand(desk))
      desk.answer(
        A,
        answerOf(
          message,
          () => 0,
          () => 0,
        ),
      )
    assert.ok(desk.over)
    assert.deepEqual(Object.keys(results[0]!).sort(), ['accuracies', 'evaluations', 'score'])
    assert.equal(rows.get(0)?.early, undefined)
  })

  test('tells the next round of the votes of the rounds that were finished, if they are to be kept', () => {
    const answered: number[] = []
    /** Counts the rows it and those before it have seen. */
    const counting: EvaluationSet = {
      ...setOf(2),
      scorer: (before) => {
        const seen = { rows: before === undefined ? 0 : before.finish().score }
        return {
          add: () => void seen.rows++,
          finish: () => ({ score: seen.rows, accuracies: [] }),
        }
      },
    }
    for (const votes of ['kept', 'fresh'] as const) {
      const desk = new EvaluationDesk(counting, {
        ...{ batch: 1, seqLen: SEQ, puzzleDim: 0, question: { steps: [1], early: true }, votes, maxPayload: 1 << 20 },
        onProgress: () => undefined,
        onResult: (_, { score, early, evaluations }) => answered.push(score, early?.score ?? NaN, evaluations),
      })
      const round = (step: number, upTo: number): void => {
        desk.begin(stepOf(step))
        for (const message of hand(desk).slice(0, upTo)) desk.answer(A, answerOf(message, () => 0, () => 1)) // prettier-ignore
        assert.equal(desk.over, upTo === 2)
      }
      round(1, 2)
      round(2, 1)
      desk.abandon()
      round(3, 2)
    }
    assert.deepEqual(answered, [2, 2, 1, 4, 4, 2, 2, 2, 1, 2, 2, 1])
  })

  test('gives a unit out again whose answer has the wrong size', () => {
    const { desk } = deskOf(2, { steps: [1, 2], early: true })
    desk.begin(stepOf(1))
    const [message] = hand(desk) as [Asked]
    const right = answerOf(
      message,
      () => 0,
      () => 1,
    )
    for (const wrong of [
      { ...right, preds: right.preds.subarray(1) },
      { ...right, halts: new Uint8Array(2) },
      { ...right, q: right.q.subarray(4), preds: new Uint8Array(right.preds.length + 4) },
    ]) {
      assert.throws(() => desk.answer(A, wrong), WireError)
      assert.equal(desk.over, false)
      assert.deepEqual(
        hand(desk).map(({ unit }) => unit),
        [0],
      )
    }
    desk.answer(A, right)
    assert.ok(desk.over)
  })

  test('makes units so small that question and answer fit the bus', () => {
    const question = { steps: [1, 2, 3], early: true }
    // Each row takes 4 blocks of 3 + 4 bytes, and 2 for the step: 30 bytes.
    const { desk } = deskOf(100, question, { batch: 64, maxPayload: 1024 + 310 })
    desk.begin(stepOf(1))
    assert.equal(hand(desk)[0]!.inputs.length, 10 * SEQ)
    const wide = deskOf(100, question, { batch: 64, puzzleDim: 128, maxPayload: 1024 + 4 * 515 })
    wide.desk.begin(stepOf(1))
    assert.equal(hand(wide.desk)[0]!.inputs.length, 4 * SEQ)
    assert.equal(blocksOf(question), 4)
  })
})

test('a model can be asked for ascending steps that it runs', () => {
  assert.ok(isAskable([1, 2, 16], 16))
  for (const steps of [[], [0, 1], [2, 1], [1, 1], [17]]) assert.ok(!isAskable(steps, 16), String(steps))
})

describe('what is watched', () => {
  test('is asked for more steps, where it is, and kept as a picture', () => {
    const set: EvaluationSet = {
      ...setOf(6),
      watch: {
        rows: [0, 5],
        about: (row) => ({ task: `t${row}`, pair: 0, input: [String(row)], solution: null }),
        picture: (_, preds) => [String(preds[0])],
      },
    }
    const results: EvaluationResult[] = []
    const desk = new EvaluationDesk(set, {
      ...{ batch: 2, seqLen: SEQ, puzzleDim: 0, question: { steps: [9], early: false }, votes: 'fresh' },
      maxPayload: 1 << 20,
      onProgress: () => undefined,
      onResult: (_, result) => results.push(result),
    })
    desk.begin(stepOf(1))
    const asked = new Map<number, readonly number[]>()
    while (!desk.over)
      for (const message of hand(desk)) {
        asked.set(message.unit, message.steps)
        desk.answer(A, answerOf(message, (row) => row, () => 1)) // prettier-ignore
      }
    assert.deepEqual([0, 1, 2].map((unit) => asked.get(unit)), [[1, 2, 4, 9], [9], [1, 2, 4, 9]]) // prettier-ignore
    const [{ watched, score, after }] = results as [EvaluationResult]
    assert.deepEqual([score, after], [1, undefined], 'watching scores nothing')
    assert.deepEqual(watched?.map(({ task, after: seen }) => [task, seen.map(({ step, grid }) => `${step}:${grid.join('')}`)]), [['t0', ['1:0', '2:0', '4:0', '9:0']], ['t5', ['1:255', '2:255', '4:255', '9:5']]]) // prettier-ignore
    assert.ok(watched?.[0]?.after.every(({ confidence }) => confidence > 0.5 && confidence < 0.53))
  })

  test('is spread over the test set', () => {
    assert.deepEqual(spread([1, 2, 3]), [1, 2, 3])
    const some = spread(Array.from({ length: 1000 }, (_, i) => i))
    assert.equal(some.length, MOST_WATCHED)
    assert.ok(some[0] === 0 && some.at(-1)! > 900)
    assert.deepEqual(spread([]), [])
    assert.deepEqual(watching({ steps: [3], early: true }), { steps: [1, 2, 3], early: true })
    assert.deepEqual(watching({ steps: [16], early: false }).steps, [1, 2, 4, 16])
  })
})
