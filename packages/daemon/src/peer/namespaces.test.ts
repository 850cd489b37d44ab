import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { processOfSocket } from './index.ts'
import { CONNECTS, listen, start } from './testing/peers.ts'

const CHILD = fileURLToPath(new URL('testing/holds.child.ts', import.meta.url))
const canUnshare = spawnSync('unshare', ['-Urpf', '--mount-proc', 'true']).status === 0
const skip = canUnshare ? false : 'needs namespaces of users and processes'

/** What the child says of a connection of ours. */
async function heldBy(
  program: string,
  args: readonly string[],
): Promise<{ code?: string; pid?: number; detail?: string; other?: unknown }> {
  const folder = mkdtempSync(join(tmpdir(), 'peer-'))
  using child = start(
    program,
    args.map(arg => arg.replace('PATH', join(folder, 's'))),
  )
  try {
    assert.equal(await child.line(), 'ready')
    const client = connect(join(folder, 's'))
    const said = JSON.parse(await child.line())
    client.destroy()
    return said
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

test('a process of a namespace above has no number, and is refused', { skip }, async () => {
  const said = await heldBy('unshare', ['-Urpf', '--kill-child', '--mount-proc', process.execPath, CHILD, 'PATH'])
  assert.equal(said.code, 'workload_gone', String(said.detail))
  assert.match(String(said.detail), /no number here/)
})

test('/proc of another namespace is not believed', { skip }, async () => {
  // Without --mount-proc: /proc shows the processes of the namespace above, and our numbers are of others there.
  const both = `exec 3<&0; "$0" "$1" "$2" <&3 &
    exec "$0" -e 'const go = () => require("net").connect(process.argv[1]).on("error", go); go()' "$2"`
  const folder = mkdtempSync(join(tmpdir(), 'peer-'))
  using child = start('unshare', [
    '-Urpf',
    '--kill-child',
    'sh',
    '-c',
    both,
    process.execPath,
    CHILD,
    join(folder, 's'),
  ])
  assert.equal(await child.line(), 'ready')
  const said = JSON.parse(await child.line())
  rmSync(folder, { recursive: true, force: true })
  assert.equal(said.code, 'attestation_failed', JSON.stringify(said))
})

test('a process of a namespace beneath has the number that it has here', { skip }, async () => {
  await using listener = await listen()
  const code = `const { connect } = require('node:net'); const args = [process.argv[1]]; console.log(process.pid); ${CONNECTS}`
  const args = ['-Urpf', '--kill-child', '--mount-proc', process.execPath, '-e', code, listener.path]
  using child = start('unshare', args)
  assert.equal(await child.line(), '1')
  const held = processOfSocket(await listener.next())
  assert.notEqual(held.pid, 1)
  assert.equal(held.uid, process.getuid!())
  assert.equal(held.isAlive(), true)
  held.release()
})

test('want of descriptors does not lead to the weaker way', async () => {
  const said = await heldBy('sh', [
    '-c',
    'ulimit -n 64; exec "$0" "$1" "$2" exhausted',
    process.execPath,
    CHILD,
    'PATH',
  ])
  assert.equal(said.code, 'attestation_failed', String(said.detail))
  assert.match(String(said.detail), /EMFILE/)
  // Who was held before lives on, meanwhile too.
  assert.deepEqual(said.other, [true, true])
})
