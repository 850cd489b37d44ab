import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { ISSUER, NOW } from '../suite/samples.ts'
import { openSqliteStore } from './open.ts'

const WRITER = join(import.meta.dirname, 'kill.child.ts')

/** Runs the writer until it has acknowledged `count` serials, kills it without warning, and gives all it acknowledged. */
async function killedAfter(path: string, first: number, count: number): Promise<string[]> {
  const child = spawn(process.execPath, [...process.execArgv, WRITER, path, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const acknowledged: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged.push(line)
    if (acknowledged.length === count) child.kill('SIGKILL')
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  assert.equal(child.signalCode, 'SIGKILL')
  return acknowledged
}

test('a process that is killed under load loses nothing that it acknowledged', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'lanyard-kill-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'lanyard.db')
  let recorded = 0
  for (const [round, count] of [1500, 37, 400].entries()) {
    const acknowledged = await killedAfter(path, round * 1_000_000 + 1, count)
    assert.ok(acknowledged.length >= count)
    const open = await openSqliteStore({ path, trustDomain: 'example.org', clock: { now: () => NOW } })
    for (const serial of acknowledged) {
      const found = await open.store.read(() => open.rows.certificates.find(ISSUER, serial))
      assert.equal(found?.serial, serial, `round ${round}: an acknowledged certificate is gone`)
    }
    const { to } = await open.verifyChain(open.instance, 'issuance')
    assert.ok(to >= recorded + acknowledged.length)
    recorded = to
    await open.close()
  }
})
