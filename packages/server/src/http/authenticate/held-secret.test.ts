import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { jwkFromSpki, jwkThumbprint } from '@lanyard/protocol'
import { generateKeyNow, nodeCrypto, spkiOf } from '@lanyard/protocol/node'
import type { ClientTls } from '../../testing/client.ts'
import { ClientAuthority } from '../../testing/client-authority.ts'
import { type HttpHarness, openHttp } from '../../testing/http.ts'
import { heldBack } from '../../testing/raw.ts'
import { bySecret, SecretAgent } from '../../testing/secrets.ts'

// A secret and the certificate beside it are judged when the head of a request has come. Whoever holds the body back
// until one of them counts no more must not get a session for it.

const company = ClientAuthority.root()
let server: HttpHarness
let admin: string
let names = 0

before(async () => {
  server = await openHttp({
    limits: { rate_per_minute: 0 },
    parts: parts => ({
      ...parts,
      admission: { agentMtlsRequired: false, agentMtlsCa: [company.certificate], dnsSuffix: 'agents.test' },
    }),
  })
  admin = await server.apiKey('admin')
})
after(() => server.close())

async function holder() {
  const key = { tenant: 'acme', agent: `a${++names}` }
  await server.agent(key)
  const own = new SecretAgent(server, admin, key)
  return { own, key, ...(await own.create()) }
}
type Holder = Awaited<ReturnType<typeof holder>>

const admins = (call: string, body: object) => server.call(call, { token: admin, body })

/** What a session is answered whose body is held back until `meanwhile` has happened. */
const held = ({ key, secret }: Holder, tls: ClientTls | undefined, meanwhile: () => Promise<unknown>) =>
  heldBack(server, 'POST /v1/agent/session', bySecret(secret, tls, { body: key }), meanwhile)

const MEANWHILE: readonly [why: string, meanwhile: (holder: Holder) => Promise<unknown>, code: string][] = [
  ['another was made', ({ own }) => own.create(), 'secret_superseded'],
  ['it was exchanged', ({ own, secret }) => own.rotate(secret), 'secret_superseded'],
  ['it was revoked', ({ own }) => own.revoke(), 'secret_revoked'],
  [
    'a kill took it',
    ({ id }) => admins('POST /v1/kill', { minted_by: `agent-secret:${id}`, reason: 'x' }),
    'secret_revoked',
  ],
  ['its agent was killed', ({ own }) => admins(`POST ${own.path}/kill`, { reason: 'x' }), 'agent_quarantined'],
  [
    'its agent was killed and reinstated',
    async ({ own }) => {
      await admins(`POST ${own.path}/kill`, { reason: 'x' })
      await admins(`POST ${own.path}/reinstate`, { reason: 'x' })
    },
    'incarnation_dead',
  ],
]

describe('a session whose body comes late', () => {
  test('is opened, where nothing happened', async () => {
    assert.equal((await held(await holder(), undefined, async () => {})).status, 200)
  })

  for (const [why, meanwhile, code] of MEANWHILE) {
    test(`is refused, where ${why}: ${code}`, async () => {
      const made = await holder()
      assert.equal((await held(made, undefined, () => meanwhile(made))).code, code)
    })
  }

  test('is refused, where its SVID was revoked', async () => {
    const made = await holder()
    const tls = await server.certificate(made.key)
    const revoke = () => admins('POST /v1/agent/auth/revoke', { serial: tls.serial, reason: 'x' })
    assert.equal((await held(made, tls, revoke)).code, 'lineage_ended')
  })

  test('is refused, where the key of its certificate was killed', async () => {
    const made = await holder()
    const key = generateKeyNow('P-256')
    const tls = company.client({ key, names: { dns: [`${made.key.agent}.acme.agents.test`] } })
    const key_thumbprint = jwkThumbprint(jwkFromSpki(spkiOf(key)), nodeCrypto)
    const kill = () => admins('POST /v1/kill', { key_thumbprint, reason: 'x' })
    assert.equal((await held(made, tls, kill)).code, 'key_killed')
  })
})
