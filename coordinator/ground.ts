// What a coordinator stands on: the bus, the data, those who watch. A test in virtual time gives it others.
import { connectBus } from '../shared/bus/bus.js'
import { openExampleSource } from './data/open.js'
import { writeReport } from './report/write-report.js'
import { watchersOf } from './watchers.js'

export interface CoordinatorGround {
  readonly connect: typeof connectBus
  readonly open: typeof openExampleSource
  readonly watch: typeof watchersOf
  readonly writeReport: typeof writeReport
}

export const COORDINATOR_GROUND: CoordinatorGround = {
  connect: connectBus,
  open: openExampleSource,
  watch: watchersOf,
  writeReport,
}
