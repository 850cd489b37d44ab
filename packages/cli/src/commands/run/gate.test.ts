import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import type { Writable } from 'node:stream'
import { after, test } from 'node:test'
import { SCRIPT, startGated } from './gate.ts'

const folder = mkdtempSync(join(tmpdir(), 'lanyard-gate-'))
after(() => rmSync(folder, { recursive: true }))

const env = { PATH: '/usr/bin:/bin' }
const touch = (file: string) => ({ path: '/bin/sh', args: ['-c', `echo $$ > ${file}`], code: [], warnings: [] })
const runs = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('the process that waited is the program, and nothing of it runs before', async () => {
  const file = join(folder, 'ran')
  const gated = await startGated({ program: touch(file), user: null, env, cwd: folder })
  assert.ok(runs(gated.pid))
  assert.ok(!existsSync(file))
  assert.equal(await gated.go(), 0)
  assert.equal(readFileSync(file, 'utf8').trim(), String(gated.pid))
})

test('a program that is abandoned never runs', async () => {
  const file = join(folder, 'abandoned')
  const gated = await startGated({ program: touch(file), user: null, env, cwd: folder })
  gated.abandon()
  while (runs(gated.pid)) await new Promise(resolve => setImmediate(resolve))
  assert.ok(!existsSync(file))
})

for (const [why, said] of [
  ['who launches ends before it has said anything', ''],
  ['another word', 'stop\n'],
  ['half a word', 'go'],
] as const)
  test(`nothing is started: ${why}`, async () => {
    const child = spawn('/bin/sh', ['-c', SCRIPT, 'gate', '/bin/echo', 'it runs'], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    })
    let out = ''
    child.stdout!.on('data', chunk => (out += chunk))
    ;(child.stdio[3] as Writable).end(said)
    const [code] = await once(child, 'close')
    assert.deepEqual([code, out], [125, ''])
  })

/** What a program says that is started through the gate, or without it. */
async function said(program: readonly string[], gated: boolean): Promise<string> {
  const command = gated ? ['/bin/sh', '-c', SCRIPT, 'gate', ...program] : program
  const third = gated ? 'pipe' : 'ignore'
  const child = spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'pipe', 'inherit', third], env })
  let out = ''
  child.stdout!.on('data', chunk => (out += chunk))
  if (gated) (child.stdio[3] as Writable).end('go\n')
  await once(child, 'close')
  return out
}

test('the program has no descriptor of the gate, and arguments as they are', async () => {
  const words = ['/usr/bin/printf', '%s|', 'a b', '$HOME', '', "'", '*', '-x']
  assert.equal(await said(words, true), await said(words, false))
  // Descriptor 3 is the folder that ls reads, where nothing else has that number.
  const own = (await said(['/bin/ls', '/proc/self/fd'], true)).trim().split('\n').map(Number)
  const without = (await said(['/bin/ls', '/proc/self/fd'], false)).trim().split('\n').map(Number)
  assert.deepEqual(
    own,
    without.filter(number => number !== 4),
  )
})
