import assert from 'node:assert/strict'
import { closeSync } from 'node:fs'
import { createRequire } from 'node:module'
import process from 'node:process'
import { test } from 'node:test'
import type koffi from 'koffi'
import { endedOf, openPidfd } from './native.ts'

/**
 * Lets the system send SIGALRM to this process every so often; 0: no longer. setitimer(2). No other process sends them: a
 * flood that fills the pipe in which libuv keeps signals makes it miss the end of a child.
 */
function alarmEvery(microseconds: number): void {
  const ffi = createRequire(import.meta.url)('koffi') as typeof koffi
  const setitimer = ffi.load(null).func('int setitimer(int which, const long *value, void *old)')
  assert.equal(setitimer(0, [0, microseconds, 0, microseconds], null), 0)
}

test('a process is not taken for ended because a signal came while it was asked', {
  skip: process.platform !== 'linux',
}, () => {
  const quiet = () => {}
  process.on('SIGALRM', quiet)
  const own = openPidfd(process.pid)
  assert.ok(own.ok)
  // So many at once that a signal comes while the system looks at them.
  const asked = Array<number>(100).fill(own.value)
  let alive = true
  alarmEvery(200)
  for (let round = 0; round < 5_000 && alive; round++) alive = endedOf(asked)?.every(ended => !ended) ?? false
  alarmEvery(0)
  process.off('SIGALRM', quiet)
  closeSync(own.value)
  assert.ok(alive)
})
