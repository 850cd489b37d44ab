import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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

for (const [args, step] of [
  [['demo'], 2],
  [['demo', '--federated'], 1],
] as const)
  test(`stopped after step ${step}, ${args.join(' ')} tells no more steps, tidies up and says so by its exit code`, async t => {
    const folder = await mkdtemp(join(tmpdir(), 'stopped-'))
    t.after(() => rm(folder, { recursive: true, force: true }))
    const env = { ...process.env, TMPDIR: folder }
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'ignore'], env })
    t.after(() => child.kill('SIGKILL'))
    const ended = once(child, 'exit')
    const lines: string[] = []
    const reader = createInterface(child.stdout)
    const read = once(reader, 'close')
    reader.on('line', line => {
      lines.push(line)
      const told = lines.filter(each => each.startsWith('✓')).length
      // As at a terminal, where the launcher passes on what the program has heard already.
      if (line.startsWith('✓') && told === step) for (let i = 0; i < 2; i++) child.kill('SIGINT')
    })
    const [code, signal] = await ended
    await read
    assert.deepEqual([code, signal], [130, null])
    assert.equal(lines.at(-1), 'stopped')
    assert.ok(lines.filter(line => line.startsWith('✓')).length < 11)
    assert.deepEqual(await readdir(folder), [])
  })
