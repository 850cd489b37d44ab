import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { openPostgresStore } from '../store/index.ts'
import {
  ALL_DONE_ONCE,
  incidentPorts,
  killSample,
  receiptSigning,
  SAMPLE_INCIDENT,
  tracesOf,
} from '../testing/incidents.ts'
import { startPostgres } from '../testing/postgres.ts'
import { IncidentSteps } from './incident-steps.ts'

const server = await startPostgres()
const signing = await receiptSigning()

/** An instance on the database whose clock is ahead by so many milliseconds. */
async function instanceOn(t: TestContext, url: string, ahead = 0) {
  const clock = { now: () => Date.now() + ahead }
  const open = await openPostgresStore({ url, trustDomain: 'example.org', instance: randomUUID(), clock })
  t.after(() => open.close())
  return { open, clock, steps: new IncidentSteps(incidentPorts(open, clock, signing)) }
}

test('instances that work at one incident at once end every step once', async t => {
  const url = await server.createDatabase()
  const both = [await instanceOn(t, url), await instanceOn(t, url)]
  await killSample(both[0]!.open, both[0]!.clock)
  await Promise.all(
    both.map(async ({ steps, clock }) => {
      while ((await steps.pass(SAMPLE_INCIDENT, clock.now())) === 'waiting');
    }),
  )
  assert.deepEqual(await tracesOf(both[1]!.open), ALL_DONE_ONCE)
})

// Whoever stood still for longer than its claims lasted goes on beside the one that took them over.
test('instances that believe nothing of each other’s claims end every step once', async t => {
  for (let round = 0; round < 5; round++) {
    const url = await server.createDatabase()
    const all = await Promise.all([0, 60_000, 120_000].map(ahead => instanceOn(t, url, ahead)))
    await killSample(all[0]!.open, all[0]!.clock)
    await Promise.all(all.flatMap(({ steps, clock }) => [1, 2].map(() => steps.pass(SAMPLE_INCIDENT, clock.now()))))
    while ((await all[2]!.steps.pass(SAMPLE_INCIDENT, all[2]!.clock.now())) === 'waiting');
    assert.deepEqual(await tracesOf(all[0]!.open), ALL_DONE_ONCE)
  }
})
