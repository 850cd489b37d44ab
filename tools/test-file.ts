// Runs one test file in a process of its own, within limits that a hanging test cannot break.
import { readdirSync, readFileSync } from 'node:fs'
import process from 'node:process'
import type { EventData, TestsStream } from 'node:test'
import { run } from 'node:test'

export interface Limits {
  /** Milliseconds that one test may take, null: any; it fails by name, and the file goes on. */
  readonly testMs: number | null
  /** Milliseconds that the file may take, from its start to its last open handle; then all that it started is ended. */
  readonly fileMs: number
  /**
   * Milliseconds that the file may go on after all that it started was ended, before it is given up; and that what it
   * started may go on after the file.
   */
  readonly graceMs: number
}

export interface Listener {
  /** A test. */
  pass(data: EventData.TestPass): void
  /** A test; or a suite or the file where it was they that failed. */
  fail(data: EventData.TestFail): void
}

/** What a file did apart from its tests. */
export interface Outcome {
  /** Why the file was ended, in one line; null where it ended by itself. */
  readonly ended: string | null
  /** Processes that the file started and left running, ended since: a line each. */
  readonly left: readonly string[]
}

/** By this name in its environment, which is none of our settings, a process is known as started by a test file, also where its parent ended. */
const MARK = 'TEST_FILE_OF_RUN'

/** Runs the tests of `file`. Resolves when it ended or was ended, at the latest `fileMs` and twice `graceMs` later. */
export async function runFile(file: string, limits: Limits, listener: Listener): Promise<Outcome> {
  const mark = `${process.pid}:${file}`
  const unfinished = new Map<string, string>()
  let ended: string | null = null
  const isTest = (name: string) => !file.endsWith(name) && !name.endsWith(file)
  let done = 0
  const doing = (): string => {
    const waiting = [...unfinished.values()].filter(isTest)
    if (waiting.length > 0) return `in "${waiting.join('", "')}"`
    // What a thread tells waits for its turn, which in a loop without a pause never comes.
    return done > 0 ? 'every test was done, something kept it open' : 'it told of no test, perhaps in an endless loop'
  }
  const stream = run({
    files: [file],
    execArgv: ['--disable-warning=ExperimentalWarning'],
    env: { ...process.env, [MARK]: mark },
    ...(limits.testMs === null ? {} : { timeout: limits.testMs }),
  })
  stream.on('test:dequeue', data => unfinished.set(placeOf(data), data.name))
  stream.on('test:complete', data => {
    unfinished.delete(placeOf(data))
    if (isTest(data.name)) done++
  })
  const isOfTest = ({ name, details }: EventData.TestPass | EventData.TestFail) =>
    details.type !== 'suite' && isTest(name)
  stream.on('test:pass', data => {
    if (isOfTest(data)) listener.pass(data)
  })
  stream.on('test:fail', data => {
    if (isOfTest(data) || (ended === null && isToBlame(data))) listener.fail(data)
  })
  stream.on('test:stdout', data => process.stdout.write(data.message))
  stream.on('test:stderr', data => process.stderr.write(data.message))

  const limit = Promise.withResolvers<void>()
  const timers = [
    setTimeout(() => {
      const processes = startedBy(mark)
      ended = `${file} was ended after ${limits.fileMs / 1000} s: ${doing()}\n${processes.map(lineOf).join('\n')}`
      for (const { pid } of processes) end(pid)
      timers.push(setTimeout(limit.resolve, limits.graceMs))
    }, limits.fileMs),
  ]
  try {
    await Promise.race([drained(stream), limit.promise])
  } finally {
    for (const timer of timers) clearTimeout(timer)
  }
  const left = await leftOf(mark, limits.graceMs)
  for (const { pid } of left) end(pid)
  return { ended, left: left.map(lineOf) }
}

/** What still runs when that which ends with its starter has had the time to clean up. */
async function leftOf(mark: string, graceMs: number): Promise<readonly Started[]> {
  const until = performance.now() + graceMs
  for (;;) {
    const left = startedBy(mark)
    if (left.length === 0 || performance.now() > until) return left
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

/**
 * Whether a suite or a file failed by itself, in a hook or because its process ended badly, and does not repeat what its
 * tests say.
 */
const isToBlame = ({ details }: EventData.TestFail) =>
  (details.error as { readonly failureType?: string }).failureType !== 'subtestsFailed'

const placeOf = (data: { readonly file?: string; readonly line?: number; readonly column?: number; name: string }) =>
  `${data.file}:${data.line}:${data.column}:${data.name}`

async function drained(stream: TestsStream): Promise<void> {
  await stream.forEach(() => {})
}

interface Started {
  readonly pid: number
  readonly parent: number
  readonly command: string
}

/** The processes with this mark and their descendants. Empty where there is no /proc. */
function startedBy(mark: string): readonly Started[] {
  const all = processes()
  const found = new Set(all.filter(({ pid }) => read(`/proc/${pid}/environ`).includes(`${MARK}=${mark}\0`)))
  for (let size = -1; size !== found.size; ) {
    size = found.size
    const pids = new Set([...found].map(({ pid }) => pid))
    for (const one of all) if (pids.has(one.parent)) found.add(one)
  }
  return [...found]
}

function processes(): readonly Started[] {
  const pids = process.platform === 'linux' ? readdirSync('/proc').filter(name => /^\d+$/.test(name)) : []
  return pids.flatMap(name => {
    // The name of a program may hold blanks and brackets: what is sought comes after the last of these.
    const [state, parent] = read(`/proc/${name}/stat`).split(') ').at(-1)!.split(' ')
    if (parent === undefined || state === 'Z') return []
    return [{ pid: Number(name), parent: Number(parent), command: read(`/proc/${name}/cmdline`).replaceAll('\0', ' ') }]
  })
}

const lineOf = ({ pid, parent, command }: Started): string =>
  `  ${pid} of ${parent}: ${command.length > 200 ? `${command.slice(0, 60)} … ${command.slice(-140)}` : command}`

/** Empty where it cannot be read: the process ended meanwhile, or is not ours. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself.
  }
}
