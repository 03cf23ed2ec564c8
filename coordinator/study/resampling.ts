// Resampling takes a while on a full test set: it goes on in small stretches, tells how far it is, and stops when asked to.
import { SystemRefused } from '../../shared/errors.js'
import type { StudyContext } from './study.js'
import { duration } from '../report/console.js'

/** Milliseconds of a stretch. */
const STRETCH = 200

export interface Resampled {
  done: number
  readonly resamples: number
  resample(): void
}

export async function resampleAll(
  what: Resampled,
  { out, now, signal }: Pick<StudyContext, 'out' | 'now' | 'signal'>,
): Promise<void> {
  const began = now()
  while (what.done < what.resamples) {
    if (signal.requested) throw new SystemRefused('stopped before the study was done', 'start it again')
    const until = now() + STRETCH
    while (what.done < what.resamples && now() < until) what.resample()
    const left = ((now() - began) / 1000 / what.done) * (what.resamples - what.done)
    out.status(`resampling: ${what.done}/${what.resamples} | ETA ${duration(left)}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}
