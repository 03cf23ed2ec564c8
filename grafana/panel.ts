// The kinds of panel that our dashboards are made of, each one call: what is asked, in which unit, how large. Everything
// else (data source, legend, tooltip, colours) is the same everywhere and decided here.
import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import {
  BigValueColorMode,
  BigValueGraphMode,
  GraphDrawStyle,
  LegendDisplayMode,
  LegendPlacement,
  ScaleDistribution,
  SortOrder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  ReduceDataOptionsBuilder,
  ScaleDistributionConfigBuilder,
  StackingConfigBuilder,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common'
import { MappingType, ThresholdsConfigBuilder, ThresholdsMode } from '@grafana/grafana-foundation-sdk/dashboard'
import type { Panel as PanelModel, Threshold, ValueMapping } from '@grafana/grafana-foundation-sdk/dashboard'
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as TimelineBuilder } from '@grafana/grafana-foundation-sdk/statetimeline'
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table'
import { PanelBuilder as TextBuilder, TextMode } from '@grafana/grafana-foundation-sdk/text'
import { PanelBuilder as SeriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'

/** The uid is fixed here and in provisioning/datasources. */
export const DATASOURCE = { type: 'prometheus', uid: 'trmesh-prometheus' } as const

export type Panel = Builder<PanelModel>

/** Units by Grafana's names. */
export type Unit =
  's' | 'dateTimeFromNow' | 'bytes' | 'Bps' | 'percentunit' | 'flops' | 'short' | 'none' | 'cps' | 'wps'

/** PromQL and the name of its series, `{{label}}` replaced. */
export type Query = readonly [expr: string, legend: string]

export interface Size {
  /** Of 24 columns. */
  readonly width: number
  /** Rows of about 30 pixels. */
  readonly height: number
}

/** Good below `warn`, bad from `bad` on; `bad` alone: no warning between. */
export interface Limits {
  readonly warn?: number
  readonly bad: number
}

export interface PanelOptions {
  readonly title: string
  readonly unit: Unit
  /** What it shows and what to mind; the text behind the (i). */
  readonly about: string
  readonly queries: readonly Query[]
  readonly size?: Size
  readonly decimals?: number
  readonly limits?: Limits
}

const refId = (index: number): string => String.fromCharCode('A'.charCodeAt(0) + index)

const target = ([expr, legend]: Query, index: number): DataqueryBuilder =>
  new DataqueryBuilder().datasource(DATASOURCE).refId(refId(index)).expr(expr).legendFormat(legend)

const thresholds = (limits: Limits | undefined): ThresholdsConfigBuilder => {
  const steps: Threshold[] = [{ value: null, color: limits === undefined ? 'text' : 'green' }]
  if (limits?.warn !== undefined) steps.push({ value: limits.warn, color: 'orange' })
  if (limits !== undefined) steps.push({ value: limits.bad, color: 'red' })
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps)
}

export interface SeriesOptions extends PanelOptions {
  /** Areas on top of each other: parts of a whole. */
  readonly stacked?: boolean
  /** Bars instead of lines: events. */
  readonly bars?: boolean
  readonly logarithmic?: boolean
  readonly min?: number
  readonly max?: number
}

/** Values over time. */
export function series(options: SeriesOptions): Panel {
  const { title, unit, about, queries, size = { width: 12, height: 8 } } = options
  const { stacked = false, bars = false, logarithmic = false, min, max, decimals } = options
  const panel = new SeriesBuilder()
    .title(title)
    .description(about)
    .datasource(DATASOURCE)
    .unit(unit)
    .span(size.width)
    .height(size.height)
    .lineWidth(1)
    .fillOpacity(stacked || bars ? 60 : 8)
    .showPoints(VisibilityMode.Auto)
    .drawStyle(bars ? GraphDrawStyle.Bars : GraphDrawStyle.Line)
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending))
    .targets(queries.map(target))
  if (stacked || bars) panel.stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group('A'))
  if (logarithmic) panel.scaleDistribution(new ScaleDistributionConfigBuilder().type(ScaleDistribution.Log).log(10))
  if (min !== undefined) panel.min(min)
  if (max !== undefined) panel.max(max)
  if (decimals !== undefined) panel.decimals(decimals)
  return panel
}

/** One number, the newest, with its recent course behind it. */
export function stat(options: PanelOptions): Panel {
  const { title, unit, about, queries, size = { width: 3, height: 4 }, decimals, limits } = options
  const panel = new StatBuilder()
    .title(title)
    .description(about)
    .datasource(DATASOURCE)
    .unit(unit)
    .span(size.width)
    .height(size.height)
    .graphMode(BigValueGraphMode.Area)
    .colorMode(BigValueColorMode.Value)
    .thresholds(thresholds(limits))
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).fields('').values(false))
    .noValue('none yet')
    .targets(queries.map(target))
  if (decimals !== undefined) panel.decimals(decimals)
  return panel
}

/** States over time, one row per series; the value is an index into `states`. */
export function timeline(options: Omit<PanelOptions, 'unit'> & { readonly states: readonly string[] }): Panel {
  const { title, about, queries, states, size = { width: 24, height: 8 } } = options
  const palette = ['#6E7077', '#8AB8FF', '#5794F2', '#FF9830', '#73BF69', '#B877D9', '#FADE2A', '#37872D', '#5AC8C8']
  const mappings: ValueMapping[] = [
    {
      type: MappingType.ValueToText,
      options: Object.fromEntries(
        states.map((text, index) => [String(index), { text, color: palette[index % palette.length] ?? 'text', index }]),
      ),
    },
  ]
  return new TimelineBuilder()
    .title(title)
    .description(about)
    .datasource(DATASOURCE)
    .unit('none')
    .span(size.width)
    .height(size.height)
    .mappings(mappings)
    .mergeValues(true)
    .showValue(VisibilityMode.Never)
    .rowHeight(0.8)
    .fillOpacity(90)
    .lineWidth(0)
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Single).sort(SortOrder.None))
    .targets(queries.map(target))
}

export interface TableColumn {
  readonly title: string
  readonly unit: Unit
  readonly expr: string
}

export interface TableOptions extends Omit<PanelOptions, 'queries' | 'unit' | 'limits'> {
  /** Labels shown as columns, in order, with their headings. All queries are joined on them. */
  readonly labels: Readonly<Record<string, string>>
  readonly values: readonly TableColumn[]
  /** Heading of the column to sort by, largest first. */
  readonly sortBy?: string
}

/** The newest values, one row per set of labels. */
export function table(options: TableOptions): Panel {
  const { title, about, labels, values, size = { width: 24, height: 8 }, decimals, sortBy } = options
  const column = (index: number): string => (values.length === 1 ? 'Value' : `Value #${refId(index)}`)
  const names = [...Object.keys(labels), ...values.map((_value, index) => column(index))]
  const headings = [...Object.values(labels), ...values.map((value) => value.title)]
  const panel = new TableBuilder()
    .title(title)
    .description(about)
    .datasource(DATASOURCE)
    .span(size.width)
    .height(size.height)
    .targets(values.map(({ expr }, index) => target([expr, ''], index).instant().format(PromQueryFormat.Table)))
    .transformations([
      { id: 'merge', options: {} },
      { id: 'filterFieldsByName', options: { include: { names } } },
      {
        id: 'organize',
        options: {
          indexByName: Object.fromEntries(names.map((name, index) => [name, index])),
          renameByName: Object.fromEntries(names.map((name, index) => [name, headings[index]])),
        },
      },
      ...(sortBy === undefined ? [] : [{ id: 'sortBy', options: { sort: [{ field: sortBy, desc: true }] } }]),
    ])
  for (const value of values)
    panel.overrideByName(value.title, [
      { id: 'unit', value: value.unit },
      { id: 'custom.width', value: 150 },
    ])
  if (decimals !== undefined) panel.decimals(decimals)
  return panel
}

/** Words, in Markdown. */
export const note = (title: string, markdown: string, size: Size): Panel =>
  new TextBuilder().title(title).span(size.width).height(size.height).mode(TextMode.Markdown).content(markdown)
