import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { test } from 'node:test'
import { processOfPid } from './index.ts'

test('a process is not taken for ended because a signal came while it was asked', {
  skip: process.platform !== 'linux',
}, async () => {
  const quiet = () => {}
  process.on('SIGURG', quiet)
  const held = processOfPid(process.pid)
  const pest = spawn('/bin/sh', ['-c', 'echo; while kill -URG "$0"; do :; done', String(process.pid)], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  await once(pest.stdout, 'data')
  let alive = true
  // Long enough that hundreds of signals come, each into whatever is being done.
  for (let round = 0; round < 20_000 && alive; round++) alive = held.isAlive()
  pest.kill('SIGKILL')
  await once(pest, 'exit')
  process.off('SIGURG', quiet)
  held.release()
  assert.ok(alive)
})
