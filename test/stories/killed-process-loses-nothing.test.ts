import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agentKey } from '../support/agent-key.ts'
import { lanyardUp } from '../support/lanyard-up.ts'

test('a process killed under load loses no certificate that was acknowledged', async () => {
  const up = await lanyardUp()
  await up.call('POST', '/v1/tenants', { tenant: 'acme', key_policy: 'modern' })
  const { csrPem } = await agentKey('P-256')
  const acknowledged: string[] = []
  let enough = () => {}
  const plenty = new Promise<void>(resolve => (enough = resolve))

  const workers = Array.from({ length: 8 }, async (_, at) => {
    const agent = `agent-${at}`
    await up.call('POST', '/v1/agents', { tenant: 'acme', agent })
    for (;;) {
      const { token } = await up.call('POST', '/v1/agent/bootstrap', { tenant: 'acme', agent })
      const { serial } = await up.call('POST', '/v1/agent/auth/cert', { csr: csrPem }, token)
      acknowledged.push(serial)
      if (acknowledged.length > 200) enough()
    }
  })
  const cut = Promise.allSettled(workers)
  await Promise.race([plenty, cut])
  await up.end('SIGKILL')
  await cut
  const serials = [...acknowledged]
  assert.ok(serials.length > 200, `${serials.length} were acknowledged`)

  const again = await lanyardUp({ data: up.data })
  for (const serial of serials) {
    const { items } = await again.call('GET', `/v1/certificates?serial=${serial}`)
    assert.equal(items[0]?.serial, serial)
  }
  await again.remove()
})
