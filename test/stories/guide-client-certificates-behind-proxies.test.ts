import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Desk, readGuide } from '../support/guide.ts'
import { lanyardUp } from '../support/lanyard-up.ts'

// Its configurations are those that test/interop/proxies runs the proxies with.
test('the guide: its commands can be typed, and make the agent that its settings trust', async t => {
  const authority = await lanyardUp({ flags: ['--trust-domain', 'example.org'] })
  t.after(() => authority.remove())
  const desk = new Desk(authority)
  t.after(() => desk.remove())
  const { commands } = readGuide('client-certificates-behind-proxies.md')
  assert.ok(commands.length > 0)
  for (const line of commands) {
    const { exit, out, err } = await desk.type(line)
    assert.equal(exit, 0, `${line}\n${out}${err}`)
  }
  const { spiffe_id } = await authority.call('GET', '/v1/agents/infra/edge')
  assert.equal(spiffe_id, 'spiffe://example.org/tenant/infra/agent/edge')
})
