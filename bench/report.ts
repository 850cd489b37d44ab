import { writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import process from 'node:process'

/** One line of a table: a name, and figures whose names say their units. */
export type Row = { readonly name: string } & Readonly<Record<string, string | number | null>>

/** What `--json FILE` holds. */
export interface Report {
  readonly bench: string
  /** RFC 3339. */
  readonly at: string
  readonly machine: string
  /** What an acknowledgement stood for. */
  readonly durable: string
  readonly rows: readonly Row[]
}

export const machine = () =>
  `${cpus()[0]?.model ?? 'unknown processor'} × ${cpus().length}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.version}`

/** Collects rows, prints them as tables, writes the file. */
export class Reporter {
  readonly #bench: string
  readonly #durable: string
  readonly #rows: Row[] = []

  constructor(bench: string, durable: string) {
    this.#bench = bench
    this.#durable = durable
    console.log(`${bench}: ${machine()}\ndurable: ${durable}`)
  }

  table(title: string, rows: readonly Row[]): void {
    this.keep(rows)
    console.log(`\n${title}\n${layOut(rows)}`)
  }

  /** Takes rows into the file that were shown in another way. */
  keep(rows: readonly Row[]): void {
    this.#rows.push(...rows)
  }

  write(file: string | undefined): void {
    if (file === undefined) return
    const report: Report = {
      bench: this.#bench,
      at: new Date().toISOString(),
      machine: machine(),
      durable: this.#durable,
      rows: this.#rows,
    }
    writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`)
    console.log(`\nwritten to ${file}`)
  }
}

/** Rows as a table of text. */
export function layOut(rows: readonly Row[]): string {
  const columns = [...new Set(rows.flatMap(row => Object.keys(row)))]
  const table = [columns, ...rows.map(row => columns.map(column => shown(row[column])))]
  const widths = columns.map((_, at) => Math.max(...table.map(line => line[at]!.length)))
  return table
    .map(line => line.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!))).join('  '))
    .join('\n')
}

const shown = (value: string | number | null | undefined): string => {
  if (value === null || value === undefined) return '-'
  if (typeof value === 'string') return value
  return Number.isInteger(value) ? String(value) : value.toFixed(Math.abs(value) < 10 ? 3 : 1)
}

/** The given share (0 to 1) of the values lies at or below the result. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}
