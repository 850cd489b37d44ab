import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KillWatch, MessageReader } from './postgres-wire.ts'

const zero = (...texts: string[]) => Buffer.from(texts.map(text => `${text}\0`).join(''))

function message(type: string, body: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(body.length + 4)
  return Buffer.concat([Buffer.from(type), length, body])
}

const start = message('', Buffer.concat([Buffer.from([0, 3, 0, 0]), zero('user', 'lanyard', '')]))
const encryption = message('', Buffer.from([0x04, 0xd2, 0x16, 0x2f]))
const begin = message('Q', zero('BEGIN'))
const commit = message('Q', zero('COMMIT'))
const prepare = (name: string, sql: string) => message('P', Buffer.concat([zero(name, sql), Buffer.alloc(2)]))
const bind = (name: string) => message('B', Buffer.concat([zero('', name), Buffer.alloc(6)]))
const done = (tag: string) => message('C', zero(tag))

function watch(...sent: Buffer[]): KillWatch {
  const made = new KillWatch('the_bell')
  for (const each of [encryption, start, ...sent]) made.sent(each)
  return made
}

test('messages are cut out of any pieces', () => {
  const all = Buffer.concat([encryption, start, begin, commit])
  for (let size = 1; size <= all.length; size++) {
    const reader = new MessageReader({ starting: true })
    const types: string[] = []
    for (let at = 0; at < all.length; at += size)
      for (const { type } of reader.read(all.subarray(at, at + size))) types.push(type)
    assert.deepEqual(types, ['', '', 'Q', 'Q'])
  }
})

test('a commit tells of a kill only when its transaction rang the bell', () => {
  const ring = "select pg_notify('the_bell', '7')"
  assert.equal(watch(begin, commit).received(done('COMMIT')), false)
  assert.equal(watch(begin, message('Q', zero(ring)), commit).received(done('COMMIT')), true)
  assert.equal(watch(begin, prepare('s1', ring), bind('s1'), commit).received(done('COMMIT')), true)
  assert.equal(watch(begin, prepare('s1', ring), commit).received(done('COMMIT')), false)
  assert.equal(watch(begin, prepare('s1', ring), prepare('s1', 'select 1'), bind('s1')).received(done('COMMIT')), false)
})

test('a statement that was prepared before rings in each later transaction, and a rollback tells of nothing', () => {
  const made = watch(prepare('s1', "select pg_notify('the_bell', $1)"), begin, bind('s1'))
  assert.equal(made.received(done('ROLLBACK')), false)
  assert.equal(made.received(done('COMMIT')), false)
  made.sent(Buffer.concat([begin, bind('s1'), commit]))
  assert.equal(made.received(done('SELECT 1')), false)
  assert.equal(made.received(done('COMMIT')), true)
})
