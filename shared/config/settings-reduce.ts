// Settings of the all-reduce: who sums, in what order, and what travels.
import { choice, integer, real } from './leaf.js'

/** Section `reduce` of RunConfig. */
export const REDUCE_SETTINGS = {
  topology: choice(
    'Who sums the gradient: the workers, a share each (sharded), or the coordinator (star).',
    'sharded',
    ['sharded', 'star'],
  ),
  wire: choice(
    'Gradient elements on the wire; int8 for slow lines: half of bf16, what rounding takes is sent with the next step.',
    'bf16',
    ['bf16', 'f32', 'int8'],
  ),
  mode: choice(
    'fast: the order of the sum follows the workers; exact: the same bits for any number of workers, joining and leaving.',
    'fast',
    ['fast', 'exact'],
  ),
  group: integer(
    'Mode exact: slots computed together, always by one worker; the most workers are slots / group.',
    4,
    1,
    65536,
  ),
  localSteps: integer(
    'Steps every worker takes alone between two exchanges, for slow lines (DiLoCo); 1: every gradient is exchanged.',
    1,
    1,
    128,
  ),
  outerLr: real('Local steps: learning rate of the step that all take together after them.', 0.7, 0, 10),
  outerMomentum: real('Local steps: Nesterov momentum of that step.', 0.9, 0, 1, true),
  bucketBytes: integer(
    "Bytes of a bucket; with its envelope it must fit the server's max_payload.",
    512 * 1024,
    64,
    64 * 1024 * 1024,
  ),
  inFlightBytes: integer(
    'Bytes published but not yet flushed, per connection, at most.',
    8 * 1024 * 1024,
    64,
    1024 * 1024 * 1024,
  ),
}
