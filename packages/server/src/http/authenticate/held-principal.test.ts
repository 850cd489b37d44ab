import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { jwkFromSpki, jwkThumbprint } from '@lanyard/protocol'
import { generateKeyNow, nodeCrypto, spkiOf } from '@lanyard/protocol/node'
import type { CallOptions } from '../../testing/client.ts'
import type { TestIssuer } from '../../testing/people.ts'
import { heldBack } from '../../testing/raw.ts'
import { peopleStage } from '../../testing/stages.ts'

// A principal's roles are read when the head of a request has come. Whoever holds the body back until one of them is
// taken away must not act by it: least of all give it to somebody else.

const { server, admin, people } = await peopleStage()
let names = 0

const BACK_DOOR = { kind: 'certificate', value: 'dn:CN=back door', role: 'admin' }

/** What they get who give a role, and hold it back until `meanwhile` has happened. */
async function held({ token, tls }: CallOptions, meanwhile: () => Promise<unknown>) {
  return (await heldBack(server, 'POST /v1/access/bindings', { token, tls, body: BACK_DOOR }, meanwhile)).code
}

/** An admin by a defined role and a token of an issuer of their own. */
async function somebody() {
  const issuer: TestIssuer = await people.issuer(undefined, { introspection: null, introspection_secret: undefined })
  const permissions = (await server.call('GET /v1/whoami', { token: admin })).body.permissions
  const { id: role, role: name } = await people.done('POST /v1/access/roles', { role: `r${++names}`, permissions })
  const value = `s${names}`
  const binding = await people.bind({ kind: 'user', issuer: issuer.id, value }, name, { expires_in_sec: 120 })
  const token = await issuer.provider.sign({ sub: value })
  const { id } = (await server.call('GET /v1/whoami', { token })).body
  return { issuer, role, binding, token, id }
}
type Somebody = Awaited<ReturnType<typeof somebody>>

const MEANWHILE: readonly [why: string, meanwhile: (one: Somebody) => Promise<unknown>, code: string][] = [
  ['the role is taken away', ({ binding }) => people.done(`DELETE /v1/access/bindings/${binding}`), 'unauthenticated'],
  ['it ends', async () => server.clock.advance(120), 'unauthenticated'],
  [
    'it holds less',
    ({ role }) => people.done(`PATCH /v1/access/roles/${role}`, { permissions: ['access.manage'] }),
    'unauthenticated',
  ],
  [
    'the issuer is disabled',
    ({ issuer }) => people.done(`PATCH /v1/access/issuers/${issuer.id}`, { enabled: false }),
    'unauthenticated',
  ],
  ['the issuer is deleted', ({ issuer }) => people.done(`DELETE /v1/access/issuers/${issuer.id}`), 'unauthenticated'],
  [
    'a kill shuts them out',
    ({ id }) => people.done('POST /v1/kill', { minted_by: `principal:${id}`, reason: 'x' }),
    'principal_barred',
  ],
]

describe('somebody who holds the body back', () => {
  for (const [why, meanwhile, code] of MEANWHILE) {
    test(`until ${why} gives nothing`, async () => {
      const one = await somebody()
      assert.equal(await held(one, () => meanwhile(one)), code)
    })
  }

  test('until the key of their certificate is killed gives nothing', async () => {
    const key = generateKeyNow('P-256')
    await people.bind({ kind: 'certificate', value: 'dn:CN=held' }, 'admin')
    const tls = people.operators.client({ subject: 'held', key })
    const key_thumbprint = jwkThumbprint(jwkFromSpki(spkiOf(key)), nodeCrypto)
    const killed = () => people.done('POST /v1/kill', { key_thumbprint, reason: 'x' })
    assert.equal(await held({ tls }, killed), 'key_killed')
  })

  test('until the agent that they are is quarantined gives nothing', async () => {
    const agent = { tenant: 'acme', agent: 'held' }
    await server.agent(agent)
    await people.bind({ kind: 'spiffe-id', value: 'spiffe://example.test/tenant/acme/agent/held' }, 'admin')
    const tls = await server.certificate(agent)
    const killed = () => people.done('POST /v1/agents/acme/held/kill', { reason: 'x' })
    assert.equal(await held({ tls }, killed), 'agent_quarantined')
  })

  test('of an API key whose role holds less by then gives nothing', async () => {
    const { role } = await somebody()
    const { items } = await people.done('GET /v1/access/roles?limit=500')
    const name = items.find(({ id }: { id: string | null }) => id === role).role
    const { key } = await people.done('POST /v1/api-keys', { name: 'k', role: name })
    const narrowed = () => people.done(`PATCH /v1/access/roles/${role}`, { permissions: ['access.manage'] })
    assert.equal(await held({ token: key }, narrowed), 'unauthenticated')
  })
})
