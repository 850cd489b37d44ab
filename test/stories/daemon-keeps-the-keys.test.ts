import assert from 'node:assert/strict'
import { once } from 'node:events'
import process from 'node:process'
import { after, before, test } from 'node:test'
import { agentId, caller, Identity, tenant } from '@lanyard/sdk'
import { openStage, type WorkloadStage } from '../support/workload-stage.ts'

// Two agents of this process at a real authority and a real daemon: one whose key is here, one whose key the daemon holds.

let stage: WorkloadStage
let near: Identity
let far: Identity

const linux = process.platform === 'linux'
const allow = tenant('acme')

before(async () => {
  if (!linux) return
  stage = await openStage({ hint: 'near' })
  const { spiffe_id: other } = await stage.register('other', { hint: 'far' })
  const socket = `unix://${stage.socket}`
  near = await Identity.fromWorkloadApi({ socket, hint: 'near', authority: stage.up.ready.url })
  far = await Identity.fromWorkloadApi({ socket, id: other, keys: 'daemon' })
})

after(async () => {
  await near?.close()
  await far?.close()
  await stage?.remove()
})

test('the two meet, each proved to the other, and both know who is alive', { skip: !linux }, async () => {
  for (const [server, client] of [
    [near, far],
    [far, near],
  ] as const) {
    const serving = await server.serve({ allow }, (request, response) => response.end(`${caller(request).id}`))
    const answer = await client.fetch(serving.url, { peer: agentId(server.id) })
    assert.equal(await answer.text(), `${client.id}`)
    assert.equal(server.guard.standing, 'fresh')
    await serving.close()
  }
  assert.equal(far.guard.standing, 'fresh')
})

test('the key of the one that the daemon keeps is nowhere in this memory', { skip: !linux }, () => {
  assert.throws(() => far.svid.privateKeyPem(), { code: 'keys_elsewhere' })
  assert.match(near.svid.privateKeyPem(), /PRIVATE KEY/)
})

test('a kill of the caller cuts what it has open at a server whose key the daemon keeps', {
  skip: !linux,
}, async () => {
  const serving = await far.serve({ allow }, (_request, response) => response.write('begun'))
  const reader = (await near.fetch(serving.url, { peer: allow })).body!.getReader()
  await reader.read()
  const withdrawn = once(near, 'withdrawn')
  await stage.up.ask('POST', '/v1/agents/acme/client/kill', { reason: 'seen in a shell' })
  await assert.rejects(reader.read())
  // The process has the other identity still: this one is missing among what it is given.
  assert.equal((await withdrawn)[0].code, 'no_identity')
  await assert.rejects(near.fetch(serving.url, { peer: allow }), /taken/)
  while (far.connections > 0) await new Promise(resolve => setImmediate(resolve))
  const renewed = once(near, 'renewed')
  await stage.up.ask('POST', '/v1/agents/acme/client/reinstate', { reason: 'settled' })
  await near.renew().catch(() => {})
  await renewed
  await serving.close()
})

test('a kill of the one whose key the daemon keeps cuts both of its sides', { skip: !linux }, async () => {
  const serving = await far.serve({ allow }, (_request, response) => response.write('begun'))
  const elsewhere = await near.serve({ allow }, (_request, response) => response.write('begun'))
  const incoming = (await near.fetch(serving.url, { peer: allow })).body!.getReader()
  const outgoing = (await far.fetch(elsewhere.url, { peer: allow })).body!.getReader()
  await Promise.all([incoming.read(), outgoing.read()])
  await stage.up.ask('POST', '/v1/agents/acme/other/kill', { reason: 'seen in a shell' })
  await assert.rejects(incoming.read())
  await assert.rejects(outgoing.read())
  await assert.rejects(far.fetch(elsewhere.url, { peer: allow }), { code: /^(identity_withdrawn|identity_dead)$/ })
  await serving.close()
  await elsewhere.close()
})
