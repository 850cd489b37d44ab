// Runs the tests: `npm test [-- FILE …]`, `npm run soak`. Prints failures in full, the five slowest tests, and a count.
import { globSync, readFileSync } from 'node:fs'
import process from 'node:process'
import type { EventData } from 'node:test'
import { missingServices, namesOf } from './services.ts'
import { type Limits, runFile } from './test-file.ts'

const TESTS = ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts', 'tools/**/*.test.ts', 'bench/**/*.test.ts']
const SOAKS = ['test/soak/*.soak.ts']

const named = process.argv.slice(2).filter(argument => !argument.startsWith('--'))
const patterns = process.argv.includes('--soak') ? SOAKS : TESTS
const all = (named.length > 0 ? named : patterns.flatMap(pattern => globSync(pattern))).toSorted()
if (all.length === 0) throw new Error(`no test files for ${patterns.join(', ')}`)
// Where everything must be there, or a file was asked for, it runs and says what it misses.
const missing = process.env.CI === 'true' || named.length > 0 ? [] : missingServices()
const files = all.filter(file => !missing.some(({ starts }) => starts.test(readFileSync(file, 'utf8'))))

interface Done {
  readonly name: string
  readonly file: string
  readonly ms: number
}
const passed: Done[] = []
const skipped: Done[] = []
const failed: Done[] = []

// A test that waits for what never comes fails by name, instead of keeping everybody waiting for ever.
const limits: Limits = process.argv.includes('--soak')
  ? { testMs: null, fileMs: 3_600_000, graceMs: 10_000 }
  : { testMs: 240_000, fileMs: 420_000, graceMs: 10_000 }
const AT_ONCE = 2
const PROGRESS_MS = 60_000

const running = new Map<string, number>()
const progress = setInterval(() => {
  for (const [file, since] of running) {
    const seconds = Math.round((performance.now() - since) / 1000)
    if (seconds * 1000 >= PROGRESS_MS) console.log(`${file} has been running for ${seconds} s`)
  }
}, PROGRESS_MS)
const queue = files.values()
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    for (const file of queue) await runOne(file)
  }),
)
clearInterval(progress)

async function runOne(file: string): Promise<void> {
  const start = performance.now()
  running.set(file, start)
  const { ended, left } = await runFile(file, limits, {
    pass: data => record(data.skip ? skipped : passed, data),
    fail: data => {
      record(failed, data)
      report(data)
    },
  })
  running.delete(file)
  if (left.length > 0) console.log(`${file} left running, ended now:\n${left.join('\n')}`)
  if (ended === null) return
  failed.push({ name: file, file, ms: performance.now() - start })
  console.error(`\n✖ ${ended}`)
}

if (missing.length > 0)
  console.log(
    `skipped ${all.length - files.length} files: ${namesOf(missing)} not installed here, see npm run services`,
  )
if (skipped.length > 0) console.log(`skipped:\n${skipped.map(line).join('\n')}`)
console.log(`\nfive slowest tests of ${files.length} files:`)
for (const test of passed.toSorted((a, b) => b.ms - a.ms).slice(0, 5)) console.log(line(test))
console.log(
  `\n${passed.length} passed, ${failed.length} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`,
)
// A test that was to run and did not is a failure where everything must be there.
const incomplete = passed.length === 0 || (process.env.CI === 'true' && skipped.length > 0)
// What a file that was given up still holds must not keep this process.
process.exit(failed.length > 0 || incomplete ? 1 : 0)

function record(list: Done[], { name, file = '', details }: EventData.TestPass | EventData.TestFail): void {
  list.push({ name, file, ms: details.duration_ms })
}

function report({ name, file, line, details: { error } }: EventData.TestFail): void {
  const { cause, exitCode, signal } = error as Error & { readonly exitCode?: number | null; readonly signal?: string }
  console.error(`\n✖ ${name}  (${file}:${line})`)
  console.error(cause instanceof Error ? (cause.stack ?? cause.message) : cause)
  // Of a file: what went wrong stands above, in what it wrote.
  if (exitCode != null || signal != null) console.error(`its process ended with ${exitCode ?? signal}`)
}

function line({ name, file, ms }: Done): string {
  return `${ms.toFixed(0).padStart(7)} ms  ${name}  (${file.replace(`${process.cwd()}/`, '')})`
}
