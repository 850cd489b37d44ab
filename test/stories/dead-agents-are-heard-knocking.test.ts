import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agentKey } from '../support/agent-key.ts'
import { lanyardUp } from '../support/lanyard-up.ts'

test('a quarantined agent that asks for a certificate is refused at the door, and told in an event', async () => {
  const up = await lanyardUp()
  await up.call('POST', '/v1/tenants', { tenant: 'acme', key_policy: 'modern' })
  await up.call('POST', '/v1/agents', { tenant: 'acme', agent: 'invoice' })
  const { token } = await up.call('POST', '/v1/agent/bootstrap', { tenant: 'acme', agent: 'invoice' })
  await up.call('PATCH', '/v1/agents/acme/invoice', { lifecycle: 'quarantined' })
  const { csrPem: csr } = await agentKey('P-256')
  for (let i = 0; i < 3; i++) {
    const { status, reply } = await up.ask('POST', '/v1/agent/auth/cert', { csr }, token)
    assert.deepEqual([status, reply.code], [403, 'agent_quarantined'])
  }
  const stranger = await up.ask('POST', '/v1/agent/auth/cert', { csr }, `${token.slice(0, -4)}AAAA`)
  assert.equal(stranger.reply.code, 'unauthenticated')
  const { items } = await up.call('GET', '/v1/events?type=cert.refused')
  assert.deepEqual(
    items.map(({ agent, outcome, detail }: { agent: string; outcome: string; detail: object }) => [
      agent,
      outcome,
      detail,
    ]),
    [['invoice', 'refused', { code: 'agent_quarantined', more_since_last: 0 }]],
  )
  await up.remove()
})
