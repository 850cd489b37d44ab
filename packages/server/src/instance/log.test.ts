import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog } from './log.ts'

function lines(format: 'json' | 'text'): string[] {
  const written: string[] = []
  const log = createLog({ level: 'info', format }, { write: line => written.push(line) })
  log.debug({}, 'too small')
  log.warn({ key_id: 'ab', text: 'two\nlines' }, 'a message')
  log.error({ err: new Error('broken') }, 'failed')
  return written
}

test('as JSON, one object for each message', () => {
  const [warned, failed] = lines('json').map(line => JSON.parse(line))
  assert.deepEqual([warned.level, warned.msg, warned.key_id], [40, 'a message', 'ab'])
  assert.equal(failed.err.message, 'broken')
})

test('as text, one line for each message, whatever it holds', () => {
  const written = lines('text')
  assert.equal(written.length, 2)
  assert.match(written[0]!, /^\d{4}-\d\d-\d\dT[\d:]{8}Z warn {2}a message key_id="ab" text="two\\nlines"\n$/)
  assert.ok(written.every(line => line.indexOf('\n') === line.length - 1))
})
