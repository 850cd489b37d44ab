import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A process that ended meanwhile left its file behind; longer than any work that is done alone. */
const ABANDONED_MS = 120_000
const LOOK_EVERY_MS = 50

/** Does something while no other process does it that names the same file. */
export async function alone<T>(file: string, act: () => Promise<T>): Promise<T> {
  const mark = randomBytes(8).toString('hex')
  while (!take(file, mark)) {
    dropAbandoned(file)
    await sleep(LOOK_EVERY_MS)
  }
  try {
    return await act()
  } finally {
    if (readMark(file) === mark) rmSync(file, { force: true })
  }
}

function take(file: string, mark: string): boolean {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    writeFileSync(file, mark, { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function dropAbandoned(file: string): void {
  const { mtimeMs } = statSync(file, { throwIfNoEntry: false }) ?? { mtimeMs: Number.POSITIVE_INFINITY }
  if (Date.now() - mtimeMs < ABANDONED_MS) return
  // Of several that see it abandoned, one moves it away.
  const away = `${file}.${randomBytes(8).toString('hex')}`
  try {
    renameSync(file, away)
    rmSync(away, { force: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

function readMark(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}
