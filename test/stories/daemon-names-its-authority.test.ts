import assert from 'node:assert/strict'
import { once } from 'node:events'
import process from 'node:process'
import { after, before, test } from 'node:test'
import { Identity, tenant } from '@lanyard/sdk'
import { openStage, type WorkloadStage } from '../support/workload-stage.ts'

// A program that knows the socket of its daemon and nothing else hears of the death of others all the same.

let stage: WorkloadStage
let socket: string

const skip = process.platform === 'linux' ? false : 'the daemon needs Linux'
const allow = tenant('acme')

before(async () => {
  delete process.env.LANYARD_URL
  if (skip) return
  stage = await openStage()
  socket = `unix://${stage.socket}`
})

after(() => stage?.remove())

test('a kill cuts what the dead has open at a server that was told of no authority', { skip }, async t => {
  const server = await Identity.fromWorkloadApi({ socket })
  t.after(() => server.close())
  // It hears nothing, of itself neither: whatever ends, the server has ended.
  const doomed = await stage.identity('doomed', { liveness: false })
  const serving = await server.serve({ allow }, (_request, response) => response.write('begun'))
  t.after(() => serving.close())
  const reader = (await doomed.fetch(serving.url, { peer: allow })).body!.getReader()
  await reader.read()
  assert.equal(server.guard.standing, 'fresh')
  const cut = once(server, 'cut')
  await stage.up.call('POST', '/v1/agents/acme/doomed/kill', { reason: 'seen in a shell' })
  await assert.rejects(reader.read())
  assert.equal(`${(await cut)[0].peer.id}`, `${doomed.id}`)
})

test('a kill cuts what a client that was told of no authority has open at the dead', { skip }, async t => {
  const client = await Identity.fromWorkloadApi({ socket })
  t.after(() => client.close())
  const doomed = await stage.identity('quarry', { liveness: false })
  const serving = await doomed.serve({ allow }, (_request, response) => response.write('begun'))
  t.after(() => serving.close())
  const reader = (await client.fetch(serving.url, { peer: allow })).body!.getReader()
  await reader.read()
  await stage.up.call('POST', '/v1/agents/acme/quarry/kill', { reason: 'seen in a shell' })
  await assert.rejects(reader.read())
  await assert.rejects(client.fetch(serving.url, { peer: allow }), { code: 'peer_dead' })
})

test('who wants none has none', { skip }, async t => {
  for (const choice of [{ authority: null }, { liveness: false }] as const) {
    const identity = await Identity.fromWorkloadApi({ socket, ...choice })
    t.after(() => identity.close())
    assert.equal(identity.guard.standing, 'off')
  }
})
