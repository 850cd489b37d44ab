import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { ReceiptSigning } from '@lanyard/protocol'
import { openSqliteStore } from '../store/sqlite/open.ts'
import {
  ALL_DONE_ONCE,
  incidentPorts,
  killSample,
  receiptSigning,
  SAMPLE_INCIDENT,
  tracesOf,
} from '../testing/incidents.ts'
import { IncidentSteps } from './incident-steps.ts'

const CHILD = join(import.meta.dirname, 'crash.child.ts')
const clock = { now: () => Date.now() }
/** When the claims of the dead are over. */
const later = { now: () => Date.now() + 6_000 }

let folder: string
let signing: ReceiptSigning

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lanyard-incident-'))
  signing = await receiptSigning()
  mkdirSync(join(folder, 'killed'), { mode: 0o700 })
  const open = await openSqliteStore({ path: join(folder, 'killed', 'lanyard.db'), trustDomain: 'example.org', clock })
  await killSample(open, clock)
  await open.close()
})
after(() => rmSync(folder, { recursive: true }))

/** A store of its own in which the kill is committed and nothing more. */
function freshStore(name: string): string {
  cpSync(join(folder, 'killed'), join(folder, name), { recursive: true })
  return join(folder, name, 'lanyard.db')
}

const runChild = (
  path: string,
  number: number,
  where: 'inside' | 'after',
): Promise<{ ended: boolean; signal: unknown }> =>
  new Promise(resolve => {
    const args = [...process.execArgv, CHILD, path, String(number), where]
    execFile(process.execPath, args, (error, stdout) => resolve({ ended: stdout === 'ended\n', signal: error?.signal }))
  })

async function takeOver(path: string): Promise<void> {
  const open = await openSqliteStore({ path, trustDomain: 'example.org', clock: later })
  const steps = new IncidentSteps(incidentPorts(open, later, signing))
  assert.equal(await steps.pass(SAMPLE_INCIDENT, later.now()), 'ended')
  assert.deepEqual(await tracesOf(open), ALL_DONE_ONCE)
  assert.equal(await steps.pass(SAMPLE_INCIDENT, later.now()), 'ended')
  assert.deepEqual(await tracesOf(open), ALL_DONE_ONCE)
  await open.verifyChain(open.instance, 'audit')
  await open.close()
}

test('killed after any of its writes, another process ends every step once', async () => {
  for (let number = 1; ; number++) {
    const path = freshStore(`after-${number}`)
    const { ended, signal } = await runChild(path, number, 'after')
    assert.ok(ended || signal === 'SIGKILL', `write ${number}`)
    await takeOver(path)
    if (!ended) continue
    assert.ok(number > 6, `only ${number - 1} writes`)
    return
  }
})

// The claim, the end of a step with its effects, and the receipt.
for (const number of [1, 3, 7]) {
  test(`killed inside its write ${number}, another process ends every step once`, async () => {
    const path = freshStore(`inside-${number}`)
    assert.equal((await runChild(path, number, 'inside')).signal, 'SIGKILL')
    await takeOver(path)
  })
}
