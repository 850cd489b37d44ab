import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Identity, type Serving, tenant } from '@lanyard/sdk'
import { Client } from 'undici'
import { PlainCaller } from '../support/caller.ts'
import { Cast } from '../support/cast.ts'
import { credentialsFor } from '../support/credential.ts'
import { gone } from '../support/gone.ts'
import { type Json, type LanyardUp, lanyardUp } from '../support/lanyard-up.ts'

let authority: LanyardUp
let cast: Cast
let service: Identity
let door: Serving

before(async () => {
  authority = await lanyardUp()
  cast = await Cast.of(authority)
  service = await cast.identity('service')
  door = await service.serve({ allow: tenant('acme') }, (request, response) => {
    if (request.url === '/stream') return void response.write('open')
    response.end('done')
  })
})
after(async () => {
  await service?.close()
  await door?.close()
  await authority?.remove()
})

/** One call by the secret of an agent: status and parsed reply. */
async function bySecret(secret: string, path: string, body?: object): Promise<{ status: number; reply: Json }> {
  const client = new Client(authority.ready.url, { allowH2: false, connect: { ca: authority.rootPem } })
  const headers = { authorization: `Lanyard-Secret ${secret}`, ...(body && { 'content-type': 'application/json' }) }
  const sent = { method: 'POST', path, headers, ...(body && { body: JSON.stringify(body) }) } as const
  const { statusCode: status, body: text } = await client.request(sent)
  const reply = JSON.parse(await text.text())
  await client.close()
  return { status, reply }
}

const key = { tenant: 'acme', agent: 'planner' }
const path = '/v1/agents/acme/planner'

/** A program that got in by a session. */
async function callerBy(secret: string): Promise<PlainCaller> {
  const { reply } = await bySecret(secret, '/v1/agent/session', key)
  return await callerWith(reply.token)
}

async function callerWith(token: string): Promise<PlainCaller> {
  const [credential] = await credentialsFor({ url: authority.ready.url, rootPem: authority.rootPem }, [token])
  return new PlainCaller(credential!, authority.rootPem)
}

test('what sessions by a secret have open ends with its revocation, and nothing else does', async () => {
  const internal = await callerWith(await cast.token('planner'))
  const { secret } = await authority.call('POST', `${path}/secret`)
  const before = await callerBy(secret)
  const { reply: next } = await bySecret(secret, `${path}/rotate-secret`)
  const now = await callerBy(next.secret)

  const streams = await Promise.all([before, now].map(caller => caller.stream(door)))
  const idle = await now.connect(door)
  const other = await internal.stream(door)
  let otherEnded = false
  void other.ended.then(() => (otherEnded = true))

  const told = await authority.call('POST', `${path}/revoke-secret`, { reason: 'in a paste' })
  assert.deepEqual([told.secrets, told.lineages, told.revoked.length], [1, 2, 2])
  await Promise.all([...streams.map(({ ended }) => ended), gone(idle)])

  for (const caller of [before, now]) assert.notEqual((await caller.call(door)).status, 200)
  assert.equal((await internal.call(door)).status, 200)
  assert.equal(otherEnded, false)
  assert.equal((await bySecret(next.secret, '/v1/agent/session', key)).reply.code, 'secret_revoked')

  const again = await authority.call('POST', `${path}/secret`)
  const reborn = await callerBy(again.secret)
  assert.equal((await reborn.call(door)).status, 200)
  for (const caller of [before, now, internal, reborn]) caller.close()
})

test('a kill by what one secret minted cuts what that secret opened', async () => {
  const first = await authority.call('POST', `${path}/secret`)
  const thief = await callerBy(first.secret)
  const stolen = await thief.stream(door)
  const second = await authority.call('POST', `${path}/secret`)
  const owner = await callerBy(second.secret)
  const kept = await owner.stream(door)
  let keptEnded = false
  void kept.ended.then(() => (keptEnded = true))

  const minted_by = `agent-secret:${first.id}`
  const { incident } = await authority.call('POST', '/v1/kill', { minted_by, reason: 'stolen' })
  await stolen.ended
  const { receipt } = await cast.closed(incident)
  assert.deepEqual(
    receipt.points.map(({ outcome }) => outcome),
    ['applied'],
  )
  assert.equal((await owner.call(door)).status, 200)
  assert.equal(keptEnded, false)
  for (const caller of [thief, owner]) caller.close()
})

test('every event from the secret to the certificate has the id of its request', async () => {
  const types = ['secret.created', 'session.opened', 'agent.bootstrapped', 'cert.issued', 'secret.revoked']
  const { items } = await authority.call('GET', '/v1/events?tenant=acme&agent=planner&limit=200')
  for (const type of types) {
    const told = items.filter((event: Json) => event.type === type)
    assert.ok(told.length > 0, type)
    for (const { correlation } of told) assert.match(correlation, /^[0-9a-z]{8}-/, type)
  }
  // One request opened the session and its lineage.
  const opened = items.filter((event: Json) => event.type === 'session.opened')
  for (const { correlation, detail } of opened) {
    const begun = items.find((event: Json) => event.type === 'agent.bootstrapped' && event.correlation === correlation)
    assert.equal(begun.detail.lineage, detail.lineage)
  }
})
