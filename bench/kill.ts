import { CASES, casesOf } from './kill/case.ts'
import { drawKill } from './kill/draw.ts'
import { lateOnes, rowOf, VIEWS, verdictOf } from './kill/figures.ts'
import { hotPath } from './kill/hot-path.ts'
import { measure, type Outcome } from './kill/measure.ts'
import type { BenchOptions } from './main.ts'
import { layOut, Reporter } from './report.ts'

const HOT_ROUNDS = 15
/** What stands for the cost of the guard among the letters of cases. */
const GUARD = 'guard'
/** From here on each kill is named, whatever its case aims at. */
const LATE_MS = 100

const METHOD = `One agent after the other is killed while it calls every service over kept-alive mutual TLS, and others call as well: 500 calls
per second and service, half of them by agents that nobody kills. Times: of the commit from the signed receipt (the earliest
moment that it can have been; in (e) from the bytes of the database), of an accept from the first byte of the answer at the
caller, not from connect. Everything runs on one machine, network namespaces too, and reads one monotonic clock. Services use
the SDK's guard as it is by default; callers are plain sockets without the SDK. The dead knock with new connections for 150 ms more.`

/** How fast a kill holds, in one process up to a fleet on a bad network; and what the guard costs each request. */
export async function run({ json, kills, cases }: BenchOptions): Promise<void> {
  const asked = cases?.split(',') ?? [...CASES.map(({ letter }) => letter), GUARD]
  const wanted = casesOf(asked.filter(letter => letter !== GUARD))
  // Databases and network namespaces are removed on the way out.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
  const report = new Reporter(
    'kill',
    'SQLite WAL, synchronous=FULL, or PostgreSQL, fsync on: the commit was synced before it was told',
  )
  console.log(METHOD)
  const outcomes: Outcome[] = []
  for (const each of wanted) {
    const outcome = await measure(each, kills)
    outcomes.push(outcome)
    say(outcome)
  }
  const rows = outcomes.map(rowOf)
  for (const [title, columns] of rows.length === 0 ? [] : VIEWS)
    console.log(
      `\n${title}\n${layOut(rows.map(row => Object.fromEntries(['name', ...columns].map(name => [name, row[name] ?? null])) as typeof row))}`,
    )
  report.keep(rows)
  if (asked.includes(GUARD))
    report.table('What the guard costs a request: three servers in turn, in the same run', await hotPath(HOT_ROUNDS))
  report.write(json)
}

export const draw = drawKill

function say(outcome: Outcome): void {
  const { letter, title } = outcome.case
  const { lost } = outcome.lost
  console.log(`\n(${letter}) ${title}`)
  for (const method of outcome.methods) console.log(`    ${method}`)
  const knocks: Record<string, number> = {}
  for (const { knocks: each } of outcome.records)
    for (const [cause, times] of Object.entries(each)) knocks[cause] = (knocks[cause] ?? 0) + times
  console.log(`    new connections of the dead: ${listed(knocks)}`)
  if (Object.keys(lost).length > 0) console.log(`    lost by others: ${listed(lost)}`)
  if (outcome.flood) console.log(`    refused in the flood: ${listed(outcome.flood.refused)}`)
  for (const line of [...verdictOf(outcome), ...lateOnes(outcome, LATE_MS)]) console.log(`    ${line}`)
}

const listed = (counts: Readonly<Record<string, number>>) =>
  Object.entries(counts)
    .map(([cause, times]) => `${times} × ${cause}`)
    .join(', ') || 'none'
