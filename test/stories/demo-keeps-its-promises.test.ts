import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'

const MAIN = new URL('../../packages/cli/src/main.ts', import.meta.url).pathname

test('the demo tells nine steps, and every one holds', async () => {
  const child = spawn(process.execPath, [MAIN, 'demo', '--json'], { stdio: ['ignore', 'pipe', 'ignore'] })
  const [out, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  const { held, steps } = JSON.parse(out) as { held: boolean; steps: { step: string; held: boolean }[] }
  assert.deepEqual(
    steps.filter(step => !step.held),
    [],
  )
  assert.equal(steps.length, 9)
  assert.equal(held, true)
  assert.equal(code, 0)
})
