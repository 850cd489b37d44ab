// Works at an incident and is killed at a given write: `crash.child.ts PATH NUMBER inside|after`. Says `ended` when it
// came to the end before.
import { writeSync } from 'node:fs'
import type { Store } from '@lanyard/authority'
import { openSqliteStore } from '../store/sqlite/open.ts'
import { incidentPorts, receiptSigning, SAMPLE_INCIDENT } from '../testing/incidents.ts'
import { IncidentSteps } from './incident-steps.ts'

const [path, number, where] = process.argv.slice(2)
const clock = { now: () => Date.now() }
const open = await openSqliteStore({ path: path!, trustDomain: 'example.org', clock })
const signing = await receiptSigning()
let writes = 0

function die(): void {
  process.kill(process.pid, 'SIGKILL')
}

/** The store, whose write of that number is the last: killed when its statements have run, or once it is durable. */
const mortal: Store = {
  read: step => open.store.read(step),
  urgent: (step, locks) => open.store.urgent(step, locks),
  async write(step, locks) {
    const last = ++writes === Number(number)
    const result = await open.store.write(function* () {
      const result = yield* step()
      if (last && where === 'inside') die()
      return result
    }, locks)
    if (last) die()
    return result
  },
}

const steps = new IncidentSteps(incidentPorts({ ...open, store: mortal }, clock, signing))
while ((await steps.pass(SAMPLE_INCIDENT, clock.now())) === 'waiting');
await open.close()
writeSync(1, 'ended\n')
