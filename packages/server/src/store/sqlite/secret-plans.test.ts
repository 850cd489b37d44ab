import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { Step } from '@lanyard/authority'
import { ChainHeads } from '../chains.ts'
import { sqliteDialect } from '../dialect.ts'
import { migrations } from '../migrations/index.ts'
import { accessRemovals } from '../prune-access.ts'
import { storeRows } from '../rows/index.ts'
import { Statements } from '../statement.ts'

const db = new DatabaseSync(':memory:')
for (const migration of migrations) for (const sql of migration.up(sqliteDialect)) db.exec(sql)

const start = { seq: 0, hash: '00' }
const heads = new ChainHeads('i', 1, { audit: start, issuance: start })
const context = { statements: new Statements(sqliteDialect), heads, trustDomain: 1 }
const { secrets } = storeRows(context)
const key = { tenant: 't', agent: 'a' }

/** How SQLite would run the one statement of a step. */
function planOf(step: Step<unknown>): string {
  const { sql, parameters } = step.next().value as { sql: string; parameters: string[] }
  const plan = db.prepare(`explain query plan ${sql}`).all(...parameters)
  return plan.map(row => String(row.detail)).join('; ')
}

// Whoever shows a secret is not known yet: what a stranger makes us do must not grow with the tables.
for (const [name, step, index] of [
  ['a secret by its id', () => secrets.find('0'.repeat(12)), /SEARCH s USING (COVERING )?INDEX sqlite_autoindex/],
  ['the one that counts', () => secrets.current(key), /SEARCH s USING (COVERING )?INDEX agent_secrets_current/],
  ['all of an agent', () => secrets.ofAgent(key), /SEARCH s USING (COVERING )?INDEX agent_secrets_of_agent/],
  ['those to forget', () => secrets.forget(key, 100), /SEARCH s USING (COVERING )?INDEX agent_secrets_of_agent/],
  [
    'those that leave',
    () => accessRemovals(context).secrets({ before: 1 }),
    /SEARCH agent_secrets USING (COVERING )?INDEX agent_secrets_by_end/,
  ],
] as const) {
  test(`${name} comes by an index`, () => {
    const plan = planOf(step())
    assert.match(plan, index)
    assert.doesNotMatch(plan, /SCAN/)
  })
}
