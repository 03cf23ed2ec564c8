// Round after round until the time is up or every fault was had: first a run without faults, to compare with, then rounds of
// a few faults each, in an order of chance.
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { join } from 'node:path'
import { rngFor } from '../../shared/rng/counter.js'
import { KEEPING, LOSING, nameOf, shuffled, type Fault } from './faults.js'
import { endOf, Round, type RoundResult, type Suffered } from './round.js'

export interface CampaignOptions {
  readonly nats: string
  readonly folder: string
  readonly seed: number
  readonly workers: number
  /** No round begins after this. */
  readonly minutes: number
  readonly faultsPerRound: number
  /** undefined: all. */
  readonly only?: (fault: Fault) => boolean
  readonly say: (line: string) => void
}

export interface CampaignResult {
  readonly suffered: readonly Suffered[]
  readonly wrong: readonly string[]
  readonly rounds: number
  /** Rounds that ended with the same bits as the run without faults. */
  readonly sameBits: number
  /** Rounds after which bits were compared. */
  readonly compared: number
  /** Faults for which there was no time. */
  readonly left: number
}

/** After so many, more would say nothing new. */
const MOST_WRONG = 10
/** Of a run and all its checkpoints many times over, and soon full. */
const DISK_MIB = 24

/** A file system of its own, where one may be mounted. */
function mount(folder: string): boolean {
  return (
    spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'none', folder], { stdio: 'ignore' }).status === 0
  )
}

export async function campaign(options: CampaignOptions): Promise<CampaignResult> {
  const { nats, folder, seed, workers, minutes, faultsPerRound, only = () => true, say } = options
  const began = performance.now()
  const suffered: Suffered[] = []
  const wrong: string[] = []
  let [rounds, sameBits, compared] = [0, 0, 0]

  const round = async (faults: readonly Fault[], losing: boolean): Promise<{ result: RoundResult; end: unknown }> => {
    const name = `round-${rounds++}`
    const disk = join(folder, name, 'disk')
    mkdirSync(disk, { recursive: true })
    const mounted = mount(disk)
    try {
      const possible = mounted ? faults : faults.filter(({ kind }) => kind !== 'full-disk')
      if (possible.length < faults.length) say('full-disk is left out: no file system may be mounted here')
      const rng = rngFor(seed, 'round', rounds)
      const where = { nats, folder: join(folder, name), disk, rng, workers, faults: possible, losing }
      const result = await new Round(where, say).run()
      return { result, end: result.wrong.length === 0 && !losing ? endOf(disk) : undefined }
    } finally {
      if (mounted) spawnSync('umount', ['-l', disk], { stdio: 'ignore' })
      rmSync(disk, { recursive: true, force: true })
    }
  }

  say('a run without faults')
  const calm = await round([], false)
  wrong.push(...calm.result.wrong.map((why) => `without faults: ${why}`))
  const rng = rngFor(seed, 'faults')
  const decks = [
    { faults: shuffled(rng, KEEPING.filter(only)), losing: false },
    { faults: shuffled(rng, LOSING.filter(only)), losing: true },
  ]
  for (let turn = 0; wrong.length < MOST_WRONG && performance.now() - began < minutes * 60_000; turn++) {
    // Two rounds of the first for each of the second.
    const deck = decks[turn % 3 === 2 ? 1 : 0]
    if (decks.every(({ faults }) => faults.length === 0)) break
    if (deck === undefined || deck.faults.length === 0) continue
    const { losing } = deck
    const { result, end } = await round(deck.faults.splice(0, faultsPerRound), losing)
    suffered.push(...result.suffered)
    const faults = result.suffered.map(({ fault }) => nameOf(fault)).join('; ')
    wrong.push(...result.wrong.map((why) => `${why} [${faults}; log in ${result.folder}]`))
    if (result.carriesLost || end === undefined) continue
    compared++
    if (isDeepStrictEqual(end, calm.end)) sameBits++
    else wrong.push(`the end differs from that of the run without faults [${faults}; log in ${result.folder}]`)
  }
  const left = decks.reduce((sum, { faults }) => sum + faults.length, 0)
  return { suffered, wrong, rounds, sameBits, compared, left }
}
