import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { Admission } from './admission.ts'
import { openFilesLimit } from './open-files.ts'

const LIMITS = { connections: 1000, handshakes_per_sec: 1000 }

function socket() {
  const seen = { remoteAddress: '192.0.2.7', bytesRead: 0, destroyed: false, destroy: () => {} }
  const made = Object.assign(new EventEmitter(), seen)
  made.destroy = () => {
    made.destroyed = true
    made.emit('close')
  }
  return made as unknown as Socket
}

test('the system says how many files may be open', () => {
  assert.ok(openFilesLimit() >= 64)
})

test('where it allows fewer files than connections are configured, the oldest stranger makes room all the same', () => {
  const admission = new Admission(LIMITS, () => 0, 100)
  const sockets = Array.from({ length: 50 }, socket)
  for (const each of sockets) assert.equal(admission.admit(each), true)
  assert.equal(admission.size, 36)
  assert.deepEqual(
    sockets.map(({ destroyed }) => destroyed),
    [...Array(14).fill(true), ...Array(36).fill(false)],
  )
})

test('with hardly any files at all one connection is let in', () => {
  const admission = new Admission(LIMITS, () => 0, 32)
  for (let i = 0; i < 3; i++) assert.equal(admission.admit(socket()), true)
  assert.equal(admission.size, 1)
})
