import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'

const MAIN = new URL('../../packages/cli/src/main.ts', import.meta.url).pathname

for (const [story, args] of [
  ['the demo', ['demo']],
  ['the demo of a tenant with a provider of its own', ['demo', '--federated']],
] as const)
  test(`${story} tells eleven steps, and every one holds`, async () => {
    const child = spawn(process.execPath, [MAIN, ...args, '--json'], { stdio: ['ignore', 'pipe', 'ignore'] })
    const [out, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
    const { held, steps } = JSON.parse(out) as { held: boolean; steps: { step: string; held: boolean }[] }
    assert.deepEqual(
      steps.filter(step => !step.held),
      [],
    )
    assert.equal(steps.length, 11)
    assert.equal(held, true)
    assert.equal(code, 0)
  })

test('kept, it says where it is, goes on until it is stopped, and leaves nothing behind', async t => {
  const child = spawn(process.execPath, [MAIN, 'demo', '--keep', '--json'], { stdio: ['ignore', 'pipe', 'ignore'] })
  t.after(() => child.kill('SIGKILL'))
  const [line] = await once(createInterface(child.stdout), 'line')
  const { held, kept } = JSON.parse(line) as { held: boolean; kept: { admin_key_file: string } }
  assert.equal(held, true)
  assert.equal(existsSync(kept.admin_key_file), true)
  child.kill('SIGINT')
  const [code] = await once(child, 'exit')
  assert.equal(code, 0)
  assert.equal(existsSync(kept.admin_key_file), false)
})
