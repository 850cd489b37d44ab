import assert from 'node:assert/strict'
import { type Agent, type RequestOptions, request } from 'node:https'
import { test } from 'node:test'
import { agentId } from '../guard/authorizer.ts'
import { identityWith } from '../testing/files.ts'
import { ALICE, BOB, bobServes, ca, EVE } from '../testing/pair.ts'
import { TestTime } from '../testing/test-time.ts'

/** The text of the answer, or the error. */
function get(url: string, agent: Agent, options: RequestOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    request(url, { agent, ...options }, async response => {
      let text = ''
      for await (const chunk of response) text += chunk
      resolve(text)
    })
      .on('error', reject)
      .end()
  })
}

test('https.request meets the peer that it names, and keeps the connection', async t => {
  const { url, seen } = await bobServes(t)
  const { identity: alice } = await identityWith(t, ca.svid(ALICE))
  const agent = alice.agent({ peer: agentId(BOB) })
  for (let i = 0; i < 3; i++) assert.equal(await get(url, agent), ALICE)
  assert.equal(seen.connections, 1)
  agent.destroy()
})

test('another peer is sent nothing, whatever the options of the request say', async t => {
  const { url, seen } = await bobServes(t)
  const { identity: alice } = await identityWith(t, ca.svid(ALICE))
  const agent = alice.agent({ peer: agentId(EVE) })
  const options = { rejectUnauthorized: false, ca: 'x', checkServerIdentity: () => undefined }
  await assert.rejects(get(url, agent, options), { code: 'peer_not_allowed' })
  assert.equal(seen.requests, 0)
})

test('the authorizer is asked for each request on a kept connection', async t => {
  const { url, seen } = await bobServes(t)
  const { identity: alice } = await identityWith(t, ca.svid(ALICE))
  const allowed = new Set([BOB])
  const agent = alice.agent({
    peer: id => {
      if (allowed.has(`${id}`)) return id
      throw new Error('not any more')
    },
  })
  await get(url, agent)
  allowed.clear()
  await assert.rejects(get(url, agent), { code: 'peer_not_allowed' })
  assert.equal(seen.requests, 1)
})

test('requests that wait for a connection are judged too', async t => {
  const held: (() => void)[] = []
  const { url, seen } = await bobServes(t, { handler: (_request, response) => held.push(() => response.end('ok')) })
  const { identity: alice } = await identityWith(t, ca.svid(ALICE))
  let allowed = true
  const agent = alice.agent({
    peer: id => {
      if (allowed) return id
      throw new Error('not any more')
    },
  })
  agent.maxSockets = 1
  const first = get(url, agent)
  while (held.length === 0) await new Promise(resolve => setImmediate(resolve))
  // It waits in the queue of the agent, for the connection that the first one has.
  const second = get(url, agent)
  allowed = false
  held.pop()?.()
  assert.equal(await first, 'ok')
  await assert.rejects(second, { code: 'peer_not_allowed' })
  assert.equal(seen.requests, 1)
})

test('a kept connection is left when the certificate of the peer has ended, or the own one was renewed', async t => {
  const time = new TestTime()
  const end = Math.floor(time.now() / 1000) + 60
  const { url, seen, replace } = await bobServes(t, { time, svid: ca.svid(BOB, { notAfter: end }) })
  const { identity: alice, replace: renewAlice } = await identityWith(t, ca.svid(ALICE), time)
  const agent = alice.agent({ peer: agentId(BOB) })
  await get(url, agent)
  await renewAlice(ca.svid(ALICE))
  await get(url, agent)
  assert.equal(seen.connections, 2)
  time.jump((end + 11) * 1000 - time.now())
  await assert.rejects(get(url, agent), { code: 'peer_certificate_ended' })
  await replace(ca.svid(BOB))
  assert.equal(await get(url, agent), ALICE)
  agent.destroy()
})
