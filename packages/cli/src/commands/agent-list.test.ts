import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { FakeAuthority } from '../testing/fake-authority.ts'
import { lanyard } from '../testing/fake-io.ts'

const SUBJECT = 'repo:acme/agents:environment:prod'
const AGENT = {
  ...{ tenant: 'acme', agent: 'f-abc', tier: 'silver', lifecycle: 'active', owner: null, labels: {}, incarnation: 1 },
  spiffe_id: 'spiffe://example.org/tenant/acme/agent/f-abc',
  identity_provenance: 'federated:https://login.example.com',
  external_subject: SUBJECT,
}

let authority: FakeAuthority
before(async () => {
  authority = await FakeAuthority.start()
  const items = [AGENT, { ...AGENT, external_subject: '\u001b[2Jmallory' }]
  authority.answers['GET /v1/agents'] = { body: { items, next_cursor: null } }
})
after(() => authority.stop())

const list = async (...more: string[]) => await lanyard(['agent', 'list', ...more], { env: authority.env() })

test('whom a provider has brought is listed with what that calls them', async () => {
  const { out } = await list('--provenance', 'federated:https://login.example.com')
  assert.ok(out.includes('SUBJECT') && out.includes(SUBJECT), out)
  assert.ok(out.includes('mallory') && !out.includes('\u001b[2J'), out)
})

test('other lists have no room for it', async () => {
  for (const more of [[], ['--provenance', 'internal']]) assert.ok(!(await list(...more)).out.includes(SUBJECT))
})
