import assert from 'node:assert/strict'
import process from 'node:process'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { agentId, Identity, tenant } from '@lanyard/sdk'
import { type LanyardUp, lanyardUp } from '../support/lanyard-up.ts'

const SECONDS = Number(process.env.SOAK_SECONDS ?? 300)
const AGENTS = 20
// Of the restricted tier: they renew about every 30 seconds.
const LIFE_SEC = 60

test(`${AGENTS} agents with 60-second lives call each other for ${SECONDS} s of real time, without one lost call`, async () => {
  const up = await lanyardUp()
  await up.call('POST', '/v1/tenants', { tenant: 'acme', key_policy: 'modern' })
  const identities = await Promise.all(Array.from({ length: AGENTS }, (_, at) => begin(up, `agent-${at}`)))
  const trouble: string[] = []
  const renewals = new Map<string, number>()
  for (const identity of identities) {
    const name = identity.id.path
    identity.on('renewed', () => renewals.set(name, (renewals.get(name) ?? 0) + 1))
    identity.on('failing', ({ error }) => trouble.push(`${name} failing: ${error.code}`))
    identity.on('lost', ({ code }) => trouble.push(`${name} lost: ${code}`))
  }
  const services = await Promise.all(
    identities.map(identity => identity.serve({ allow: tenant('acme') }, (_, response) => response.end('here'))),
  )
  const end = Date.now() + SECONDS * 1000
  const calls = await Promise.all(
    identities.map(async (identity, at) => {
      const next = (at + 1) % AGENTS
      let count = 0
      for (; Date.now() < end; count++) {
        const reply = await identity.fetch(services[next]!.url, { peer: agentId(identities[next]!.id) })
        assert.equal(await reply.text(), 'here')
        await pause(50)
      }
      return count
    }),
  )
  assert.deepEqual(trouble, [])
  const least = Math.floor(SECONDS / (LIFE_SEC / 2) / 1.2)
  for (const identity of identities)
    assert.ok((renewals.get(identity.id.path) ?? 0) >= least, `${identity.id} renewed too seldom`)
  console.log(
    `${calls.reduce((sum, count) => sum + count)} calls, ${[...renewals.values()].reduce((sum, n) => sum + n, 0)} renewals`,
  )
  await Promise.all(services.map(service => service.close()))
  await Promise.all(identities.map(identity => identity.close()))
  await up.remove()
})

async function begin(up: LanyardUp, agent: string): Promise<Identity> {
  await up.call('POST', '/v1/agents', { tenant: 'acme', agent, tier: 'restricted' })
  const { token } = await up.call('POST', '/v1/agent/bootstrap', { tenant: 'acme', agent })
  const { url, root_sha256: rootSha256 } = up.ready
  return Identity.fromToken({ url, rootSha256, token, keyType: 'P-256' })
}
