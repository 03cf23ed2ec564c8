// What all our dashboards share: fixed uid, the variables `run` and `worker`, links to each other, marks for what happened.
import {
  AnnotationQueryBuilder,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  QueryVariableBuilder,
  VariableRefresh,
  VariableSort,
  type Dashboard,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { DATASOURCE, type Panel } from './panel.js'

/** Selects the run on display. */
export const RUN = 'run="$run"'
/** Its coordinator: the process without a worker label. */
export const LEAD = `${RUN},worker=""`
/** Its chosen workers. */
export const WORKERS = `${RUN},worker=~"$worker"`
/** The window of a rate, by the panel's resolution and the scrape interval. */
export const WINDOW = '[$__rate_interval]'

const TAG = 'trmesh'

export interface DashboardSpec {
  /** File name, and after `trmesh-` the uid; never changes, bookmarks hold it. */
  readonly name: string
  readonly title: string
  readonly about: string
  readonly panels: readonly Panel[]
}

interface Mark {
  readonly name: string
  readonly colour: string
  readonly expr: string
  /** The value is the time of the event, in milliseconds. */
  readonly timed?: boolean
}

const MARKS: readonly Mark[] = [
  { name: 'worker joined', colour: 'green', expr: changed('trmesh_membership_changes_total', 'joined') },
  { name: 'worker lost', colour: 'red', expr: changed('trmesh_membership_changes_total', 'died') },
  {
    name: 'checkpoint',
    colour: 'blue',
    expr: `trmesh_checkpoint_timestamp_seconds{${LEAD}} * 1000`,
    timed: true,
  },
  { name: 'evaluation', colour: 'purple', expr: `changes(trmesh_evaluation_step{${LEAD}}[1m]) > 0` },
]

function changed(metric: string, why: string): string {
  return `increase(${metric}{${LEAD},why="${why}"}[1m]) > 0`
}

function annotation({ name, colour, expr, timed = false }: Mark): AnnotationQueryBuilder {
  return new AnnotationQueryBuilder()
    .name(name)
    .datasource(DATASOURCE)
    .enable(true)
    .hide(false)
    .iconColor(colour)
    .expr(expr)
    .step('60s')
    .titleFormat(name)
    .useValueForTime(timed)
}

const variable = (name: string, label: string, query: string): QueryVariableBuilder =>
  new QueryVariableBuilder(name)
    .label(label)
    .datasource(DATASOURCE)
    .query({ query, refId: name })
    .definition(query)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)

export function dashboard({ name, title, about, panels }: DashboardSpec): Dashboard {
  const builder = new DashboardBuilder(`TRM: ${title}`)
    .id(null)
    .uid(`trmesh-${name}`)
    .description(about)
    .tags([TAG])
    .readonly()
    .timezone('browser')
    .time({ from: 'now-1h', to: 'now' })
    .refresh('10s')
    .tooltip(DashboardCursorSync.Crosshair)
    .withVariable(variable('run', 'Run', 'label_values(trmesh_run_info, run)'))
    .withVariable(
      variable('worker', 'Worker', `label_values(trmesh_worker_phase{${RUN}}, worker)`)
        .multi(true)
        .includeAll(true)
        .allValue('.+')
        .current({ text: 'All', value: '$__all' }),
    )
    .link(
      new DashboardLinkBuilder('TRM')
        .type(DashboardLinkType.Dashboards)
        .tags([TAG])
        .icon('dashboard')
        .includeVars(true)
        .keepTime(true),
    )
  for (const mark of MARKS) builder.annotation(annotation(mark))
  panels.forEach((panel) => builder.withPanel(panel))
  const built = builder.build()
  // Grafana numbers panels itself, but then anew at every load; links to a panel want the same number.
  built.panels?.forEach((panel, index) => ('id' in panel || 'type' in panel) && (panel.id = index + 1))
  return built
}
