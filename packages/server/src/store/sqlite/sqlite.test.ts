import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { storeSuite } from '../store.suite.ts'
import { limitsSuite } from '../suite/limits.ts'
import { NOW } from '../suite/samples.ts'
import { openSqliteStore } from './open.ts'

const clock = { now: () => NOW }
const trustDomain = 'example.org'

const inMemory = () => ({
  open: (options?: { maxBytes?: number }) => openSqliteStore({ path: ':memory:', trustDomain, clock, ...options }),
  keeps: false,
  remove: () => {},
})

const inFile = () => {
  const folder = mkdtempSync(join(tmpdir(), 'lanyard-store-'))
  return {
    open: (options?: { maxBytes?: number }) =>
      openSqliteStore({ path: join(folder, 'lanyard.db'), trustDomain, clock, ...options }),
    keeps: true,
    remove: () => rmSync(folder, { recursive: true }),
  }
}

for (const [name, place] of [
  ['SQLite in memory', inMemory],
  ['SQLite in a file', inFile],
] as const) {
  storeSuite(name, place)
  limitsSuite(name, place)
}
