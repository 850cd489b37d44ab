import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sqliteDialect } from './dialect.ts'
import { type Runnable, Statements } from './statement.ts'

const statements = new Statements(sqliteDialect)
const db = statements.kysely

const find = statements.prepareRows((a: { low: number; name: string }) =>
  db.selectFrom('instances').select('id').where('id', '>', a.low).where('uuid', '=', a.name).where('id', '<', 99),
)

test('a prepared statement puts its arguments where they belong', () => {
  const running = find({ name: 'x', low: 3 })
  const { done, value } = running.next()
  assert.equal(done, false)
  const { sql, parameters, answers, writes } = value as Runnable
  assert.equal(sql, 'select "id" from "instances" where "id" > ? and "uuid" = ? and "id" < ?')
  assert.deepEqual([parameters, answers, writes], [[3, 'x', 99], 'rows', false])
  assert.deepEqual(running.next([{ id: 7 }]), { done: true, value: [{ id: 7 }] })
})

test('a prepared statement refuses an argument that is missing, and takes null', () => {
  assert.throws(() => find({ low: 1 } as never).next(), TypeError)
  const change = statements.prepareChange((a: { value: string | null }) =>
    db.updateTable('certificates').set({ source: a.value }),
  )
  const { parameters, answers, writes } = change({ value: null }).next().value as Runnable
  assert.deepEqual([parameters, answers, writes], [[null], 'count', true])
})
