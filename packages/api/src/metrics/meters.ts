import { exportedName, type MetricRow, type MetricTable, type NamesOf, QUICK } from './rows.ts'

export type MetricLabels = Readonly<Record<string, string>>

/** Label values that one name may have at once. What comes beyond is counted under `other`: memory stays bounded. */
const MOST_SERIES = 500

class Histogram {
  readonly counts: number[]
  sum = 0
  count = 0

  constructor(bounds: number) {
    this.counts = new Array<number>(bounds).fill(0)
  }
}

/**
 * Counts by the rows of a table, and writes them in the Prometheus text format 0.0.4, which the OpenTelemetry collector
 * reads as well. A name that the table does not have, or has of another kind, is not counted: what only watches must
 * never fail what it watches.
 */
export class Meters<Table extends MetricTable> {
  readonly #prefix: string
  readonly #rows: ReadonlyMap<string, MetricRow>
  readonly #counters = new Map<string, Map<string, number>>()
  readonly #histograms = new Map<string, Map<string, Histogram>>()
  readonly #gauges = new Map<string, () => number>()

  /** `prefix` stands before each name: `lanyard_`. */
  constructor(prefix: string, table: Table) {
    this.#prefix = prefix
    this.#rows = new Map(Object.entries(table))
  }

  count(name: NamesOf<Table, 'counter'>, labels: MetricLabels = {}, by = 1): void {
    const row = this.#row(name, 'counter')
    if (row === undefined) return
    const series = seriesOf(this.#counters, name)
    const at = keyOf(row, labels, series)
    series.set(at, (series.get(at) ?? 0) + by)
  }

  /** Seconds; what is below zero, as after a clock was set back, counts as zero. */
  time(name: NamesOf<Table, 'histogram'>, seconds: number, labels: MetricLabels = {}): void {
    const row = this.#row(name, 'histogram')
    if (row === undefined || Number.isNaN(seconds)) return
    const series = seriesOf(this.#histograms, name)
    const bounds = row.buckets ?? QUICK
    const at = keyOf(row, labels, series)
    const histogram = series.get(at) ?? new Histogram(bounds.length)
    series.set(at, histogram)
    const value = Math.max(0, seconds)
    const bucket = bounds.findIndex(bound => value <= bound)
    if (bucket >= 0) histogram.counts[bucket]!++
    histogram.sum += value
    histogram.count++
  }

  /** Asked at each reading; also for a counter that somebody else keeps. The last one given for a name is asked. */
  gauge(name: NamesOf<Table, 'gauge' | 'counter'>, value: () => number): void {
    if (this.#rows.has(name)) this.#gauges.set(name, value)
  }

  /** All that was measured, as text. A gauge that throws is left out. */
  text(): string {
    return [...this.#rows].flatMap(([name, row]) => this.#write(name, row)).join('')
  }

  #row(name: string, kind: MetricRow['kind']): MetricRow | undefined {
    const row = this.#rows.get(name)
    return row?.kind === kind ? row : undefined
  }

  #write(name: string, row: MetricRow): string[] {
    const full = exportedName(this.#prefix, name, row)
    const lines = row.kind === 'histogram' ? this.#timed(name, full, row) : this.#counted(name, full)
    if (lines.length === 0) return []
    return [`# HELP ${full} ${row.about}\n`, `# TYPE ${full} ${row.kind}\n`, ...lines]
  }

  #counted(name: string, full: string): string[] {
    const series = [...(this.#counters.get(name) ?? [])].map(([labels, value]) => `${full}${braced(labels)} ${value}\n`)
    const value = asked(this.#gauges.get(name))
    return value === null ? series : [...series, `${full} ${value}\n`]
  }

  #timed(name: string, full: string, row: MetricRow): string[] {
    const bounds = row.buckets ?? QUICK
    return [...(this.#histograms.get(name) ?? [])].flatMap(([labels, { counts, sum, count }]) => {
      let below = 0
      const buckets = bounds.map((bound, at) => {
        below += counts[at]!
        return `${full}_bucket${braced(joined(labels, `le="${bound}"`))} ${below}\n`
      })
      const all = `${full}_bucket${braced(joined(labels, 'le="+Inf"'))} ${count}\n`
      return [...buckets, all, `${full}_sum${braced(labels)} ${sum}\n`, `${full}_count${braced(labels)} ${count}\n`]
    })
  }
}

function seriesOf<T>(all: Map<string, Map<string, T>>, name: string): Map<string, T> {
  const known = all.get(name)
  if (known) return known
  const made = new Map<string, T>()
  all.set(name, made)
  return made
}

/** The declared labels as they are written; a label that is not declared is left out. */
function keyOf({ labels = [] }: MetricRow, given: MetricLabels, series: ReadonlyMap<string, unknown>): string {
  const written = labels.map(label => `${label}="${escaped(given[label] ?? '')}"`).join(',')
  if (series.has(written) || series.size < MOST_SERIES) return written
  return labels.map(label => `${label}="other"`).join(',')
}

const escaped = (value: string) => value.replace(/[\\"\n]/g, char => (char === '\n' ? '\\n' : `\\${char}`))
const braced = (labels: string) => (labels === '' ? '' : `{${labels}}`)
const joined = (labels: string, last: string) => (labels === '' ? last : `${labels},${last}`)

function asked(gauge: (() => number) | undefined): number | null {
  try {
    const value = gauge?.()
    return value === undefined || !Number.isFinite(value) ? null : value
  } catch {
    return null
  }
}
