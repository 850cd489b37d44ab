import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { Cursors, type ListName } from './cursor.ts'

const secret = new Uint8Array(32).fill(7)
const cursors = new Cursors(secret)
const list: ListName = { route: 'listAgents', tenant: null, filter: { tenant: 'acme', tier: undefined } }
const cursorOf = (name: ListName, place: string, by = cursors) =>
  by.reply(name, { items: [], next: place }, item => item).next_cursor!

test('leads back to its place, whatever that is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), place => {
      const cursor = cursorOf(list, place)
      assert.match(cursor, /^[A-Za-z0-9_-]+$/)
      assert.deepEqual(cursors.page(list, { limit: 5, cursor }), { limit: 5, after: place })
    }),
  )
})

test('there is none at the end, and none leads to the start', () => {
  assert.equal(cursors.reply(list, { items: [1], next: null }, String).next_cursor, null)
  assert.deepEqual(cursors.page(list, { limit: 5 }), { limit: 5, after: null })
})

test('is refused in every other list', () => {
  const cursor = cursorOf(list, 'place')
  const others: ListName[] = [
    { ...list, route: 'listCertificates' },
    { ...list, tenant: 'acme' },
    { ...list, filter: { tenant: 'globex' } },
    { ...list, filter: { tenant: 'acme', tier: 'gold' } },
    { ...list, filter: {} },
  ]
  for (const other of others) assert.throws(() => cursors.page(other, { limit: 5, cursor }), { code: 'cursor_invalid' })
})

test('is refused with another secret, and with any bit changed', () => {
  const cursor = cursorOf(list, 'place')
  const other = new Cursors(new Uint8Array(32).fill(8))
  assert.throws(() => other.page(list, { limit: 5, cursor }), { code: 'cursor_invalid' })
  const bytes = Buffer.from(cursor, 'base64url')
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Buffer.from(bytes)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    const text = changed.toString('base64url')
    assert.throws(() => cursors.page(list, { limit: 5, cursor: text }), { code: 'cursor_invalid' })
  }
})

test('is refused in another spelling, and when it is none', () => {
  const cursor = cursorOf(list, 'place')
  const texts = [
    '',
    'A',
    cursor.slice(0, 20),
    `${cursor}=`,
    ` ${cursor}`,
    `${cursor}A`,
    cursor.replace(/.$/, '!'),
    randomBytes(300).toString('base64url'),
  ]
  for (const text of texts) {
    assert.throws(() => cursors.page(list, { limit: 5, cursor: text }), { code: 'cursor_invalid' }, text)
  }
})
