import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { extendedKeyUsage, jwkFromSpki, jwkThumbprint, keyUsage } from '@lanyard/protocol'
import { generateKeyNow, nodeCrypto, spkiOf } from '@lanyard/protocol/node'
import type { ClientTls } from '../testing/client.ts'
import { ClientAuthority } from '../testing/client-authority.ts'
import { selfSigned } from '../testing/foreign-certificates.ts'
import { type Held, type HttpHarness, openHttp } from '../testing/http.ts'
import { SecretAgent } from '../testing/secrets.ts'

const company = ClientAuthority.root()
const NOW = Math.floor(Date.now() / 1000)
let server: HttpHarness
let admin: string
let names = 0

before(async () => {
  server = await openHttp({
    limits: { rate_per_minute: 0, handshakes_per_sec: 10_000 },
    parts: parts => ({
      ...parts,
      admission: { agentMtlsRequired: true, agentMtlsCa: [company.certificate], dnsSuffix: 'agents.test' },
    }),
  })
  admin = await server.apiKey('admin')
})
after(() => server.close())

interface Scene {
  readonly own: SecretAgent
  readonly secret: string
  readonly held: Held
  /** Another agent of the tenant, with its certificate. */
  readonly other: { readonly key: { tenant: string; agent: string }; readonly held: Held }
}

const idOf = ({ tenant, agent }: { tenant: string; agent: string }) =>
  `spiffe://example.test/tenant/${tenant}/agent/${agent}`

async function scene(): Promise<Scene> {
  const key = { tenant: 'acme', agent: `a${++names}` }
  const stranger = { tenant: 'acme', agent: `b${names}` }
  await server.agent(key)
  await server.agent(stranger)
  const own = new SecretAgent(server, admin, key)
  const { secret } = await own.create()
  return {
    ...{ own, secret, held: await server.certificate(key) },
    other: { key: stranger, held: await server.certificate(stranger) },
  }
}

const admit = (agentMtlsRequired: boolean | null, agentMtlsCa: string | null = null) =>
  server.pipeline.store.write(
    () =>
      server.pipeline.rows.admissions.put({ tenant: 'acme', onFederation: 'drain', agentMtlsRequired, agentMtlsCa }),
    { mode: 'exclusive', tenants: ['acme'] },
  )

const revoke = (serial: string) =>
  server.call('POST /v1/agent/auth/revoke', { token: admin, body: { serial, reason: 'test' } })
const change = (key: { tenant: string; agent: string }, lifecycle: string) =>
  server.call(`PATCH /v1/agents/${key.tenant}/${key.agent}`, { token: admin, body: { lifecycle } })

type Row = readonly [
  why: string,
  present: (scene: Scene) => ClientTls | undefined | Promise<ClientTls | undefined>,
  code: string | null,
]

const uriOf = (scene: Scene, wish: object = {}) => company.client({ names: { uri: [idOf(scene.own.key)] }, ...wish })
const dnsOf = (name: (agent: string) => string) => (scene: Scene) =>
  company.client({ names: { dns: [name(scene.own.key.agent)] } })

const TABLE: readonly Row[] = [
  ['its own SVID', ({ held }) => held, null],
  ['a certificate of the authority with its SPIFFE ID', scene => uriOf(scene), null],
  ['one with its host name', dnsOf(agent => `${agent}.acme.agents.test`), null],
  ['one with its host name in capitals', dnsOf(agent => `${agent}.ACME.Agents.Test`.toUpperCase()), null],
  [
    'one with its host name among others',
    ({ own }) => company.client({ names: { dns: ['x.test', `${own.key.agent}.acme.agents.test`] } }),
    null,
  ],
  [
    'one below an intermediate of the authority',
    ({ own }) => company.below().client({ names: { uri: [idOf(own.key)] } }),
    null,
  ],
  ['none', () => undefined, 'factor_missing'],
  ['the SVID of another agent', ({ other }) => other.held, 'factor_mismatch'],
  [
    'the SVID of another tenant’s agent of this name',
    async ({ own }) => {
      const key = { tenant: 'globex', agent: own.key.agent }
      await server.agent(key)
      return await server.certificate(key)
    },
    'factor_mismatch',
  ],
  [
    'a certificate with the SPIFFE ID of another',
    ({ other }) => company.client({ names: { uri: [idOf(other.key)] } }),
    'factor_mismatch',
  ],
  ['one with another’s host name', dnsOf(agent => `x${agent}.acme.agents.test`), 'factor_mismatch'],
  ['one with its host name in another tenant', dnsOf(agent => `${agent}.globex.agents.test`), 'factor_mismatch'],
  ['one with its host name below another suffix', dnsOf(agent => `${agent}.acme.example.test`), 'factor_mismatch'],
  ['one with a wildcard that covers it', dnsOf(() => '*.acme.agents.test'), 'factor_mismatch'],
  ['one with no name at all', () => company.client({ extensions: { subjectAltName: null } }), 'factor_mismatch'],
  [
    'one with its name as an e-mail address',
    ({ own }) => company.client({ names: { email: [`${own.key.agent}@acme.agents.test`] } }),
    'factor_mismatch',
  ],
  [
    'one with its host name, and another’s SPIFFE ID',
    ({ own, other }) =>
      company.client({ names: { uri: [idOf(other.key)], dns: [`${own.key.agent}.acme.agents.test`] } }),
    'factor_mismatch',
  ],
  [
    'one with two SPIFFE IDs, its own first',
    ({ own, other }) => company.client({ names: { uri: [idOf(own.key), idOf(other.key)] } }),
    'factor_untrusted',
  ],
  [
    'its SPIFFE ID by an authority of a stranger',
    ({ own }) => ClientAuthority.root('Strangers').client({ names: { uri: [idOf(own.key)] } }),
    'factor_untrusted',
  ],
  [
    'by a stranger who calls itself as the authority does',
    ({ own }) => ClientAuthority.root().client({ names: { uri: [idOf(own.key)] } }),
    'factor_untrusted',
  ],
  ['its SPIFFE ID, signed by itself', ({ own }) => selfSigned(idOf(own.key)), 'factor_untrusted'],
  ['one that has ended', scene => uriOf(scene, { notAfter: NOW - 60 }), 'factor_untrusted'],
  ['one that has not begun', scene => uriOf(scene, { notBefore: NOW + 600 }), 'factor_untrusted'],
  [
    'one for servers',
    scene => uriOf(scene, { extensions: { extendedKeyUsage: extendedKeyUsage(['serverAuth']) } }),
    'factor_untrusted',
  ],
  ['one for no purpose', scene => uriOf(scene, { extensions: { extendedKeyUsage: null } }), 'factor_untrusted'],
  [
    'one whose key signs nothing',
    scene => uriOf(scene, { extensions: { keyUsage: keyUsage(['keyEncipherment']) } }),
    'factor_untrusted',
  ],
  [
    'a certificate of an authority below',
    ({ own }) => company.below({ names: { uri: [idOf(own.key)] } }).tls,
    'factor_untrusted',
  ],
  ['that of the authority itself', () => company.tls, 'factor_untrusted'],
  [
    'its SVID, revoked',
    async ({ held }) => {
      await revoke(held.serial)
      return held
    },
    'factor_untrusted',
  ],
  [
    'the SVID of an agent that is dead',
    async ({ other }) => {
      await change(other.key, 'quarantined')
      return other.held
    },
    'factor_untrusted',
  ],
  [
    'its SVID, when it is dead itself',
    async ({ own, held }) => {
      await change(own.key, 'quarantined')
      return held
    },
    'factor_untrusted',
  ],
  [
    'a certificate of the authority, when it is dead itself',
    async scene => {
      await change(scene.own.key, 'quarantined')
      return uriOf(scene)
    },
    'factor_untrusted',
  ],
]

/** What every answer to a wrong factor is. */
const REFUSED = 401

describe('a session by a secret, where a certificate is required beside', () => {
  for (const [why, present, code] of TABLE) {
    test(`${why}: ${code ?? 'a session'}`, async () => {
      const made = await scene()
      const { status, body } = await made.own.session(made.secret, await present(made))
      if (code === null)
        assert.deepEqual([status, body.token_type, body.spiffe_id], [200, 'Bearer', idOf(made.own.key)])
      else assert.deepEqual([status, body.code], [REFUSED, code])
    })
  }
})

describe('a session where a tenant says what is required', () => {
  const settle = async (changes: Parameters<typeof admit>, made: Scene, tls?: ClientTls) => {
    await admit(...changes)
    const { status, body } = await made.own.session(made.secret, tls)
    await admit(null)
    return [status, body.code]
  }
  const refusedWith = (code: string) => [REFUSED, code]
  const DONE = [200, undefined]

  test('by the secret alone, where it requires nothing', async () => {
    const made = await scene()
    assert.deepEqual(await settle([false], made), DONE)
  })

  test('what comes along is judged all the same', async () => {
    const made = await scene()
    assert.deepEqual(await settle([false], made, made.other.held), refusedWith('factor_mismatch'))
    assert.deepEqual(await settle([false], made, await selfSigned(null)), refusedWith('factor_untrusted'))
    assert.deepEqual(await settle([false], made, made.held), DONE)
  })

  test('its authorities stand in the place of those of the server', async () => {
    const made = await scene()
    const own = ClientAuthority.root('Its own')
    const names = { uri: [idOf(made.own.key)] }
    assert.deepEqual(await settle([null, own.pem], made, own.client({ names })), DONE)
    assert.deepEqual(await settle([null, own.pem], made, company.client({ names })), refusedWith('factor_untrusted'))
    assert.deepEqual(await settle([null, own.pem], made, made.held), DONE)
    assert.deepEqual(await settle([null], made, own.client({ names })), refusedWith('factor_untrusted'))
  })

  // Whoever names our root among the authorities must not bring what we revoked back to life.
  test('our own root among its authorities changes nothing', async () => {
    const made = await scene()
    assert.deepEqual(await settle([null, server.rootPem], made, made.held), DONE)
    await revoke(made.held.serial)
    assert.deepEqual(await settle([null, server.rootPem], made, made.held), refusedWith('factor_untrusted'))
    const ended = await server.certificate(made.own.key)
    server.clock.advance(301)
    assert.deepEqual(await settle([null, server.rootPem], made, ended), refusedWith('factor_untrusted'))
    server.clock.advance(2 * 86_400)
    assert.deepEqual(await settle([null, server.rootPem], made, ended), refusedWith('factor_untrusted'))
    server.clock.advance(-2 * 86_400 - 301)
  })

  test('our own intermediate among its authorities changes nothing either', async () => {
    const made = await scene()
    const [leaf, intermediate] = made.held.cert.split(/(?<=-----END CERTIFICATE-----\n)/) as [string, string]
    const alone = { ...made.held, cert: leaf }
    await revoke(made.held.serial)
    assert.deepEqual(await settle([null, intermediate], made, alone), refusedWith('factor_untrusted'))
    assert.deepEqual(await settle([null, intermediate], made, made.held), refusedWith('factor_untrusted'))
  })

  test('a certificate whose key was killed is none', async () => {
    const made = await scene()
    const key = generateKeyNow('P-256')
    const tls = company.client({ names: { uri: [idOf(made.own.key)] }, key })
    assert.deepEqual(await settle([null], made, tls), DONE)
    const key_thumbprint = jwkThumbprint(jwkFromSpki(spkiOf(key)), nodeCrypto)
    const killed = await server.call('POST /v1/kill', { token: admin, body: { key_thumbprint, reason: 'test' } })
    assert.equal(killed.status, 202, killed.text)
    assert.deepEqual(await settle([null], made, tls), refusedWith('factor_untrusted'))
  })

  // `a.b` of tenant `c` and `a` of tenant `b.c` would be one host.
  test('names that are several labels make no host name', async () => {
    const key = { tenant: 'acme', agent: `x.${++names}` }
    await server.agent(key)
    const own = new SecretAgent(server, admin, key)
    const { secret } = await own.create()
    const host = company.client({ names: { dns: [`${key.agent}.acme.agents.test`] } })
    assert.equal((await own.session(secret, host)).body.code, 'factor_untrusted')
    assert.equal((await own.session(secret, company.client({ names: { uri: [idOf(key)] } }))).status, 200)
  })

  test('what a clock can be the cause of is refused with the time', async () => {
    const made = await scene()
    for (const tls of [uriOf(made, { notAfter: NOW - 60 }), uriOf(made, { notBefore: NOW + 600 })])
      assert.match((await made.own.session(made.secret, tls)).body.server_time, /^\d{4}-.*Z$/)
    server.clock.advance(400)
    const { body } = await made.own.session(made.secret, made.held)
    assert.equal(body.code, 'factor_untrusted')
    assert.ok(Math.abs(body.skew_sec - 100) <= 1)
    server.clock.advance(-400)
  })

  test('a certificate without a secret opens nothing', async () => {
    const made = await scene()
    for (const tls of [made.held, company.client({ names: { uri: [idOf(made.own.key)] } })]) {
      const { status } = await server.call('POST /v1/agent/session', { tls, body: made.own.key })
      assert.equal(status, 401)
    }
  })

  test('an exchange of the secret asks for both factors too', async () => {
    const made = await scene()
    assert.equal((await made.own.rotate(made.secret)).body.code, 'factor_missing')
    assert.equal((await made.own.rotate(made.secret, made.other.held)).body.code, 'factor_mismatch')
    const { body } = await made.own.rotate(made.secret, made.held)
    assert.equal((await made.own.session(body.secret, made.held)).status, 200)
  })
})
