// A workload of a daemon in a process of its own: it serves its tenant, and makes a new handshake with
// another every so often. Prints a line when it serves, and one for each handshake.
import process from 'node:process'
import { setTimeout as pause } from 'node:timers/promises'
import { Identity, tenant } from '@lanyard/sdk'
import { type Door, knock } from './knocking.ts'

/** What it is told on its command line, as JSON. */
export interface KnockerArguments {
  readonly socket: string
  readonly everyMs: number
  readonly door: Door
}

const { socket, everyMs, door } = JSON.parse(process.argv[2]!) as KnockerArguments
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`)

// Ends with whoever reads it.
process.stdin.resume().once('end', () => process.exit())

const identity = await Identity.fromWorkloadApi({ socket, authority: null })
identity.on('failing', () => {})
identity.on('unguarded', () => {})
const serving = await identity.serve({ allow: tenant('acme') }, (_, response) => response.end('here'))
say({ id: identity.id.toString(), host: serving.host, port: serving.port })
for (;;) {
  say(await knock(identity, door))
  await pause(everyMs)
}
