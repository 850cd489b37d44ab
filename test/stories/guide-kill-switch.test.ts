import assert from 'node:assert/strict'
import { once } from 'node:events'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { until } from '../support/cast.ts'
import { Desk, readGuide } from '../support/guide.ts'
import { type LanyardUp, lanyardUp } from '../support/lanyard-up.ts'

const AGENT = "import { Identity } from '@lanyard/sdk'; console.log((await Identity.fromEnvironment()).id.path)"

let authority: LanyardUp
let desk: Desk

before(async () => {
  authority = await lanyardUp({ flags: ['--trust-domain', 'example.internal'] })
  await authority.call('POST', '/v1/tenants', { tenant: 'acme' })
  for (const agent of ['invoice', 'planner']) await authority.call('POST', '/v1/agents', { tenant: 'acme', agent })
  desk = new Desk(authority)
})

after(async () => {
  desk?.remove()
  await authority?.remove()
})

/** Types the next commands of a guide, each of which must succeed. */
async function typeAll(commands: readonly string[], change = (line: string) => line) {
  const outs: string[] = []
  for (const line of commands) {
    const { exit, out, err } = await desk.type(change(line))
    // The client of the guide has ended, and its lease goes on for a while: its point stays silent.
    assert.ok(exit === 0 || (exit === 4 && line.includes('kill')), `${line}\n${out}${err}`)
    outs.push(out)
  }
  return outs
}

test('the guide: an open stream breaks, all confirm, the receipt is verified, the agent comes back', async () => {
  const { programs, commands } = readGuide('kill-switch.md')
  const service = await desk.start('acme', 'invoice', programs[0]!.replace('port: 9443', 'port: 0'))
  const url = ((await service.lines.next()).value as string).split(' ').at(-1)!
  const client = await desk.start('acme', 'planner', programs[1]!.replace('https://127.0.0.1:9443/', url))
  assert.match((await client.lines.next()).value, /^data: /)
  await untilPointsServe(2)

  const ended = once(client.child, 'exit')
  const [points, killed] = await typeAll(commands.slice(0, 2))
  for (const agent of ['invoice', 'planner']) assert.match(points!, new RegExp(`agent/${agent} .* guarded`))
  assert.match(killed!, /^killed acme\/planner, incident kill-/)
  assert.match(killed!, /1 of 1 enforcement point applied; /)
  await ended
  let last = ''
  for (let line = await client.lines.next(); !line.done; line = await client.lines.next())
    last = `${last}\n${line.value}`
  assert.match(last, /the stream broke at /)

  const [receipt, reinstated] = await typeAll(commands.slice(2))
  assert.match(
    receipt!,
    /^valid: signed by spiffe:\/\/example\.internal\/lanyard\/receipt at .*, with 1 acknowledgement\n/,
  )
  assert.match(reinstated!, /^reinstated acme\/planner, incarnation 2/)
})

test('the runbook: every line of it can be typed', async () => {
  const { commands } = readGuide('incident-runbook.md')
  copyFileSync(authority.ready.root_file, join(desk.folder, 'root.pem'))
  const agent = await desk.start('acme', 'invoice', AGENT)
  await agent.lines.next()
  let incident = ''
  for (const line of commands) {
    const [out] = await typeAll([line.replace(/\bID\b/, incident)])
    incident ||= /incident (kill-[0-9a-f]+)/.exec(out!)?.[1] ?? ''
  }
  assert.notEqual(incident, '')
})

/** Until so many enforcement points hold a lease: they enrol once they have something to guard. */
async function untilPointsServe(count: number): Promise<void> {
  await until(
    () => authority.call('GET', '/v1/feed/points'),
    ({ items }) => items.length >= count,
  )
}
