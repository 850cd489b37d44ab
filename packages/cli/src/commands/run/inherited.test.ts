import assert from 'node:assert/strict'
import { type StdioOptions, spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { after, test } from 'node:test'

const folder = mkdtempSync(join(tmpdir(), 'lanyard-inherited-'))
after(() => rmSync(folder, { recursive: true }))

/** What a program that is launched under a user says of itself. */
const launching = (uid: number, gid: number, script: string) => `
  const { startGated } = await import(${JSON.stringify(import.meta.resolve('./gate.ts'))})
  const program = { path: '/bin/sh', args: ['-c', ${JSON.stringify(script)}], code: [], warnings: [] }
  const user = { uid: ${uid}, gid: ${gid}, home: '/', name: null }
  const gated = await startGated({ program, user, env: { PATH: '/usr/bin:/bin' }, cwd: '/' })
  process.exitCode = await gated.go()`

/** Far above those that Node.js closes by itself. */
const FAR = 30

test('a file that the supervisor had open is not open in the program', () => {
  const secret = join(folder, 'secret')
  writeFileSync(secret, 'secret')
  const file = openSync(secret, 'r')
  const code = launching(process.getuid!(), process.getgid!(), 'ls -l /proc/self/fd')
  const stdio: StdioOptions = ['ignore', 'pipe', 'pipe', ...Array<'ignore'>(FAR - 3).fill('ignore'), file]
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], { stdio })
  closeSync(file)
  assert.match(String(stdout), /-> /, String(stderr))
  assert.doesNotMatch(String(stdout), /secret/)
})

// Only root can give them.
const skip = process.getuid!() !== 0 && 'not root'

test('ambient capabilities of the supervisor are not those of the program', { skip }, () => {
  const caps = '+setuid,+setgid'
  const given = ['--reuid=4000', '--regid=4000', '--clear-groups', `--inh-caps=${caps}`, `--ambient-caps=${caps}`]
  const script = 'id -u; grep -E "^Cap(Prm|Eff|Amb)" /proc/self/status'
  const command = [process.execPath, '--input-type=module', '-e', launching(4001, 4001, script)]
  const { stdout, stderr } = spawnSync('setpriv', [...given, '--', ...command])
  assert.deepEqual(String(stdout).trim().split(/\s+/).slice(1), [
    ...['CapPrm:', '0'.repeat(16), 'CapEff:', '0'.repeat(16), 'CapAmb:', '0'.repeat(16)],
  ])
  assert.equal(String(stdout).split('\n')[0], '4001', String(stderr))
})
