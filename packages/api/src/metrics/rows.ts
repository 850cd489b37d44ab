/** What is measured under one name. */
export interface MetricRow {
  /** `counter` only grows, `gauge` is asked when somebody reads, `histogram` is of seconds. */
  readonly kind: 'counter' | 'gauge' | 'histogram'
  /** One sentence, for `# HELP` and for the reference page. */
  readonly about: string
  /** Names of its labels. Values come from closed sets (route, code, result), never from what a caller wrote. */
  readonly labels?: readonly string[]
  /** Upper bounds of a histogram, seconds, rising; {@link QUICK} where none are given. */
  readonly buckets?: readonly number[]
}

export type MetricTable = Readonly<Record<string, MetricRow>>

/** Names of one kind in a table. */
export type NamesOf<Table extends MetricTable, Kind extends MetricRow['kind']> = {
  [Name in keyof Table]: Table[Name]['kind'] extends Kind ? Name & string : never
}[keyof Table]

/** From a tenth of a millisecond to five seconds: what a machine does while somebody waits. */
export const QUICK = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
] as const

/** The name as it is exported: counters end in `_total`, histograms in `_seconds`. */
export const exportedName = (prefix: string, name: string, { kind }: MetricRow): string =>
  `${prefix}${name}${SUFFIX[kind]}`

const SUFFIX = { counter: '_total', gauge: '', histogram: '_seconds' } as const
