import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { storeSuite } from '../store.suite.ts'
import { NOW } from '../suite/samples.ts'
import { openSqliteStore } from './open.ts'

const clock = { now: () => NOW }
const trustDomain = 'example.org'

storeSuite('SQLite in memory', () => ({
  open: options => openSqliteStore({ path: ':memory:', trustDomain, clock, ...options }),
  keeps: false,
  remove: () => {},
}))

storeSuite('SQLite in a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lanyard-store-'))
  return {
    open: options => openSqliteStore({ path: join(folder, 'lanyard.db'), trustDomain, clock, ...options }),
    keeps: true,
    remove: () => rmSync(folder, { recursive: true }),
  }
})
