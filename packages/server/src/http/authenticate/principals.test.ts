import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { jwkFromSpki, jwkThumbprint } from '@lanyard/protocol'
import { generateKeyNow, nodeCrypto, spkiOf } from '@lanyard/protocol/node'
import { type CallOptions, codeOf } from '../../testing/client.ts'
import { ClientAuthority } from '../../testing/client-authority.ts'
import type { TestIssuer } from '../../testing/people.ts'
import { peopleStage } from '../../testing/stages.ts'

const { server, admin, people } = await peopleStage()
for (const tenant of ['acme', 'globex']) await server.agent({ tenant, agent: 'a1' })
const ofAll = await people.issuer()

const list = (options: CallOptions, query = '') => server.call(`GET /v1/agents${query}`, options)
const hinted = (options: CallOptions, tenant: string): CallOptions => ({
  ...options,
  headers: { 'x-lanyard-tenant-id': tenant },
})
let subjects = 0
const subject = () => `subject-${++subjects}`
/** A person of an issuer, bound to a role. */
async function user({ id, provider }: TestIssuer, role = 'auditor', where: object = {}, claims: object = {}) {
  const value = subject()
  const binding = await people.bind({ kind: 'user', issuer: id, value }, role, where)
  return { value, binding, token: await provider.sign({ sub: value, ...claims }) }
}

describe('every method', () => {
  test('leads to its roles, and says who and how', async () => {
    await server.agent({ tenant: 'acme', agent: 'bound' })
    const methods = await people.each(ofAll, { tenant: 'acme', agent: 'bound' }, 'auditor')
    for (const [method, options] of Object.entries(methods)) {
      assert.equal(codeOf(await list(options)), 200, method)
      assert.equal(
        codeOf(await server.call('POST /v1/tenants', { ...options, body: { tenant: 'x' } })),
        'permission_missing',
      )
      const { body } = await server.call('GET /v1/whoami', options)
      assert.deepEqual([body.kind, body.method, body.role, body.tenant], ['principal', method, 'auditor', null])
      assert.match(body.id, /^[0-9a-f]{32}$/)
      assert.ok(Date.parse(body.expires_at) > server.clock.now())
    }
  })

  test('counts no longer than its binding', async () => {
    const { binding, token } = await user(ofAll)
    assert.equal(codeOf(await list({ token })), 200)
    await people.done(`DELETE /v1/access/bindings/${binding}`)
    assert.equal(codeOf(await list({ token })), 'principal_unbound')
    const ending = await user(ofAll, 'auditor', { expires_in_sec: 60 })
    assert.equal(codeOf(await list(ending)), 200)
    server.clock.advance(61)
    assert.equal(codeOf(await list(ending)), 'principal_unbound')
  })
})

describe('a token', () => {
  test('that nobody vouches for opens nothing', async () => {
    const { value, token } = await user(ofAll)
    const { provider } = ofAll
    const stranger = await people.providers.make('https://stranger.test')
    const [header, , signature] = token.split('.') as [string, string, string]
    const other = (await provider.sign({ sub: 'x' })).split('.') as [string, string, string]
    const table: readonly [why: string, token: string, code: string][] = [
      ['a stranger', await stranger.sign({ sub: value }), 'unauthenticated'],
      [
        'a stranger under its name',
        await stranger.sign({ sub: value, iss: provider.issuer }),
        'external_token_invalid',
      ],
      ['another audience', await provider.sign({ sub: value, aud: 'x' }), 'external_token_invalid'],
      [
        'an audience too many',
        await provider.sign({ sub: value, aud: [provider.audience, 'x'] }),
        'external_token_invalid',
      ],
      ['no subject', await provider.sign({}), 'external_token_invalid'],
      [
        'a subject that is no text',
        await provider.sign({ sub: [value] as unknown as string }),
        'external_token_invalid',
      ],
      ['an empty subject', await provider.sign({ sub: '' }), 'external_token_invalid'],
      ['a subject with U+0000', await provider.sign({ sub: `${value}\0` }), 'external_token_invalid'],
      ['another subject', await provider.sign({ sub: `${value} ` }), 'principal_unbound'],
      [
        'it has ended',
        await provider.sign({ sub: value, exp: Math.floor(server.clock.now() / 1000) - 60 }),
        'external_token_expired',
      ],
      ['another payload', [header, other[1], signature].join('.'), 'external_token_invalid'],
      ['no signature', `${header}.${other[1]}.`, 'unauthenticated'],
      ['three parts of nothing', 'a.b.c', 'unauthenticated'],
      ['too many groups', await provider.sign({ sub: value, groups: Array(201).fill('g') }), 'external_token_invalid'],
      ['groups that are none', await provider.sign({ sub: value, groups: [{ g: 1 }] }), 'external_token_invalid'],
    ]
    for (const [why, text, code] of table) assert.equal(codeOf(await list({ token: text })), code, why)
  })

  test('brings the roles of the groups that its issuer says, and of no other issuer', async () => {
    const other = await people.issuer('acme', { introspection: null, introspection_secret: undefined })
    await people.bind({ kind: 'group', issuer: ofAll.id, value: 'staff' }, 'auditor')
    const sign = ({ provider }: TestIssuer, groups: unknown) => provider.sign({ sub: subject(), groups })
    assert.equal(codeOf(await list({ token: await sign(ofAll, ['x', 'staff']) })), 200)
    assert.equal(codeOf(await list({ token: await sign(ofAll, 'staff') })), 200)
    assert.equal(codeOf(await list({ token: await sign(ofAll, ['Staff', 'staff ']) })), 'principal_unbound')
    assert.equal(codeOf(await list({ token: await sign(other, ['staff']) })), 'principal_unbound')
    // A user of the name of a group is no group.
    assert.equal(codeOf(await list({ token: await ofAll.provider.sign({ sub: 'staff' }) })), 'principal_unbound')
  })

  test('of a disabled issuer counts no more', async () => {
    const issuer = await people.issuer('acme', { introspection: null, introspection_secret: undefined })
    const { token } = await user(issuer, 'auditor', { tenant: 'acme' })
    assert.equal(codeOf(await list({ token })), 200)
    await people.done(`PATCH /v1/access/issuers/${issuer.id}`, { enabled: false })
    assert.equal(codeOf(await list({ token })), 'unauthenticated')
    await people.done(`PATCH /v1/access/issuers/${issuer.id}`, { enabled: true })
    assert.equal(codeOf(await list({ token })), 200)
    await people.done(`DELETE /v1/access/issuers/${issuer.id}`)
    assert.equal(codeOf(await list({ token })), 'unauthenticated')
  })

  test("of a tenant's issuer gives nothing beyond that tenant", async () => {
    const issuer = await people.issuer('globex', { introspection: null, introspection_secret: undefined })
    const { token } = await user(issuer, 'auditor', { tenant: 'globex' })
    const { body } = await list({ token })
    assert.deepEqual(new Set(body.items.map((item: { tenant: string }) => item.tenant)), new Set(['globex']))
    assert.equal(codeOf(await list({ token }, '?tenant=acme')), 'permission_missing')
    assert.equal(codeOf(await list(hinted({ token }, 'acme'))), 'unauthenticated')
  })

  test('of two issuers of one name is of the one whose keys prove it', async () => {
    const name = 'https://shared.test'
    const genuine = await people.providers.make(name)
    const id = await people.configured(genuine, undefined, { introspection: null, introspection_secret: undefined })
    const forger = await people.providers.make('https://forger.test')
    const forged = await people.configured(forger, 'acme', {
      ...{ issuer: name, jwks_uri: `${forger.issuer}/jwks`, introspection: null, introspection_secret: undefined },
    })
    await people.bind({ kind: 'user', issuer: id, value: 'root' }, 'admin')
    await people.bind({ kind: 'user', issuer: forged, value: 'root' }, 'auditor', { tenant: 'acme' })
    const asked = async (token: string, tenant?: string) =>
      await server.call('GET /v1/whoami', tenant === undefined ? { token } : hinted({ token }, tenant))
    const whole = await asked(await genuine.sign({ sub: 'root' }), 'acme')
    assert.deepEqual([whole.body.role, whole.body.tenant], ['admin', null])
    // Whoever has the keys of the tenant's alone is somebody of that tenant alone, whatever the subject is called.
    const forgery = await forger.sign({ sub: 'root', iss: name })
    const partial = await asked(forgery, 'acme')
    assert.deepEqual([partial.body.role, partial.body.tenant], ['auditor', 'acme'])
    assert.notEqual(partial.body.id, whole.body.id)
    assert.equal(codeOf(await asked(forgery)), 'external_token_invalid')
    assert.equal(codeOf(await asked(forgery, 'globex')), 'external_token_invalid')
  })
})

describe('an opaque token', () => {
  test('is shown to the issuer of all tenants, and to that of the named one only if it is not known there', async () => {
    const own = await people.issuer('acme')
    const issue = async ({ id, provider }: TestIssuer, where: object = {}) => {
      const value = subject()
      await people.bind({ kind: 'user', issuer: id, value }, 'auditor', where)
      return people.providers.opaque(provider.issuer, { sub: value })
    }
    const shownTo = (token: string) => people.providers.shown.filter(one => one.token === token).map(({ url }) => url)
    const forAll = await issue(ofAll)
    assert.equal(codeOf(await list(hinted({ token: forAll }, 'acme'))), 200)
    assert.deepEqual(shownTo(forAll), [`${ofAll.provider.issuer}/introspect`])
    const ofTenant = await issue(own, { tenant: 'acme' })
    assert.equal(codeOf(await list({ token: ofTenant })), 'unauthenticated')
    assert.deepEqual(shownTo(ofTenant), [`${ofAll.provider.issuer}/introspect`])
    assert.equal(codeOf(await list(hinted({ token: ofTenant }, 'acme'))), 200)
    assert.equal(codeOf(await list(hinted({ token: ofTenant }, 'globex'))), 'unauthenticated')
    const [first] = people.providers.shown
    assert.equal(first?.authorization, `Basic ${Buffer.from('lanyard:pssst').toString('base64')}`)
  })

  test('that the issuer of all tenants knows is not shown to that of a tenant, also where it opens nothing here', async () => {
    await people.issuer('globex')
    const { issuer } = ofAll.provider
    const table = [
      ['principal_unbound', { sub: subject() }],
      ['external_token_invalid', { sub: subject(), aud: 'https://mail.test' }],
      ['external_token_invalid', { sub: subject(), cnf: { jkt: 'a'.repeat(43) } }],
      ['external_token_invalid', { aud: undefined }],
    ] as const
    for (const [code, claims] of table) {
      const token = people.providers.opaque(issuer, claims)
      assert.equal(codeOf(await list(hinted({ token }, 'globex'))), code)
      const shown = people.providers.shown.filter(one => one.token === token).map(({ url }) => url)
      assert.deepEqual(shown, [`${issuer}/introspect`])
    }
  })

  test('that is one of ours is shown to nobody', async () => {
    const before = people.providers.shown.length
    for (const token of [
      'lanyard_x',
      'Lanyard-secret_0',
      'lanyard-secret_abc',
      'a.b.c',
      `lanyard_join_${'0'.repeat(64)}`,
    ])
      assert.equal(codeOf(await list({ token })), 'unauthenticated', token)
    assert.equal(people.providers.shown.length, before)
  })

  test('that says another issuer or audience is refused', async () => {
    const value = subject()
    await people.bind({ kind: 'user', issuer: ofAll.id, value }, 'auditor')
    const { issuer, audience } = ofAll.provider
    const code = async (claims: object) =>
      codeOf(await list({ token: people.providers.opaque(issuer, { sub: value, ...claims }) }))
    assert.equal(await code({ iss: issuer, aud: audience }), 200)
    assert.equal(await code({ aud: [audience] }), 200)
    for (const claims of [
      { iss: 'x' },
      { iss: null },
      { aud: 'x' },
      { aud: [audience, 'x'] },
      { aud: [] },
      { aud: null },
      { aud: undefined },
    ])
      assert.equal(await code(claims), 'external_token_invalid', JSON.stringify(claims))
  })

  test('is shown with the end that its server names, and roles with theirs', async () => {
    const value = subject()
    const bindee = { kind: 'user', issuer: ofAll.id, value } as const
    await people.bind(bindee, 'auditor')
    await people.bind(bindee, 'operator', { tenant: 'acme', expires_in_sec: 60 })
    const at = (ms: number) => new Date(ms).toISOString().replace(/\.\d+Z/, 'Z')
    const ends = Math.floor(server.clock.now() / 1000) + 600
    const shown = async (claims: object) => {
      const token = people.providers.opaque(ofAll.provider.issuer, { sub: value, ...claims })
      return (await server.call('GET /v1/whoami', { token })).body
    }
    const { expires_at, grants } = await shown({ exp: ends })
    assert.equal(expires_at, at(ends * 1000))
    assert.deepEqual(
      grants.map((grant: { role: string; expires_at: string | null }) => [grant.role, grant.expires_at]).sort(),
      [
        ['auditor', null],
        ['operator', at(server.clock.now() + 60_000)],
      ],
    )
    assert.equal((await shown({})).expires_at, at(server.clock.now() + 30_000))
    assert.equal((await shown({ exp: 9_007_199_254_740 })).expires_at, '9999-12-31T23:59:59Z')
  })

  test('counts no longer than half a minute after it ended, and not at all after a kill', async () => {
    const value = subject()
    await people.bind({ kind: 'user', issuer: ofAll.id, value }, 'auditor')
    const token = people.providers.opaque(ofAll.provider.issuer, { sub: value })
    const { body } = await server.call('GET /v1/whoami', { token })
    people.providers.revoke(ofAll.provider.issuer, token)
    assert.equal(codeOf(await list({ token })), 200)
    await people.done('POST /v1/kill', { minted_by: `principal:${body.id}`, reason: 'stolen' })
    assert.equal(codeOf(await list({ token })), 'principal_barred')
    await people.done(`POST /v1/access/principals/${body.id}/reinstate`)
    assert.equal(codeOf(await list({ token })), 'credential_too_old')
    server.clock.advance(31)
    assert.equal(codeOf(await list({ token })), 'unauthenticated')
  })
})

describe('the certificate of an operator', () => {
  const operators = () => people.operators

  test('counts by its subject and by its names', async () => {
    for (const value of ['dn:CN=ann', 'dns:BOB.ops.test', 'email:eve@ops.test', 'uri:https://ops.test/joe'])
      await people.bind({ kind: 'certificate', value }, 'auditor')
    const names = { email: ['eve@ops.test'] }
    const table = [
      [200, { subject: 'ann' }],
      [200, { subject: 'x', names: { dns: ['bob.ops.test'] } }],
      [200, { subject: 'x', names }],
      [200, { subject: '', names: { uri: ['https://ops.test/joe'] } }],
      ['principal_unbound', { subject: 'Ann' }],
      ['principal_unbound', { subject: 'ann,CN=x' }],
      ['principal_unbound', { subject: 'x', names: { dns: ['bob.ops.test.x'] } }],
      ['principal_unbound', { subject: 'x', names: { dns: ['eve@ops.test'] } }],
    ] as const
    for (const [code, wish] of table)
      assert.equal(codeOf(await list({ tls: operators().client(wish) })), code, JSON.stringify(wish))
  })

  test('of another authority, or that has ended, or whose key was killed is refused', async () => {
    await people.bind({ kind: 'certificate', value: 'dn:CN=zoe' }, 'auditor')
    const wish = { subject: 'zoe' }
    assert.equal(
      codeOf(await list({ tls: ClientAuthority.root('Operators of Acme').client(wish) })),
      'certificate_untrusted',
    )
    const past = { ...wish, notBefore: 1, notAfter: Math.floor(server.clock.now() / 1000) - 60 }
    assert.equal(codeOf(await list({ tls: operators().client(past) })), 'certificate_expired')
    const ca = operators().below(wish).tls
    assert.equal(codeOf(await list({ tls: ca })), 'certificate_untrusted')
    const below = operators().below()
    const privateKey = generateKeyNow('P-256')
    const tls = below.client({ ...wish, key: privateKey })
    assert.equal(codeOf(await list({ tls })), 200)
    const key_thumbprint = jwkThumbprint(jwkFromSpki(spkiOf(privateKey)), nodeCrypto)
    await people.done('POST /v1/kill', { key_thumbprint, reason: 'stolen' })
    assert.equal(codeOf(await list({ tls })), 'key_killed')
    assert.equal(
      codeOf(await list({ tls: operators().client({ ...wish, extensions: { extendedKeyUsage: null } }) })),
      'certificate_untrusted',
    )
  })

  test('that says to be an agent of ours is no agent', async () => {
    const spiffeId = 'spiffe://example.test/tenant/acme/agent/a1'
    await people.bind({ kind: 'spiffe-id', value: spiffeId }, 'auditor')
    const tls = operators().client({ subject: 'mallory', names: { uri: [spiffeId] } })
    assert.equal(codeOf(await list({ tls })), 'principal_unbound')
    const body = { kind: 'certificate', value: `uri:${spiffeId}`, role: 'auditor' }
    assert.equal(codeOf(await server.call('POST /v1/access/bindings', { token: admin, body })), 'body_invalid')
  })
})

describe('two credentials', () => {
  test('of different ones are refused, whatever each may', async () => {
    await server.agent({ tenant: 'acme', agent: 'both' })
    const methods = await people.each(ofAll, { tenant: 'acme', agent: 'both' }, 'admin')
    const certificates = { certificate: methods.certificate, svid: methods.svid }
    const bearers = { jwt: methods.jwt, introspection: methods.introspection, key: { token: admin } }
    for (const [one, bearer] of Object.entries(bearers))
      for (const [other, certificate] of Object.entries(certificates))
        assert.equal(codeOf(await list({ ...certificate, ...bearer })), 'credential_conflict', `${one} and ${other}`)
    // Nor does a bad one beside a good one go unseen.
    const stranger = ClientAuthority.root('Nobody').client({ subject: 'x' })
    assert.equal(codeOf(await list({ ...methods.jwt, tls: stranger })), 'certificate_untrusted')
    assert.equal(codeOf(await list({ ...methods.certificate, token: 'rubbish' })), 'unauthenticated')
  })
})

describe('an SVID that is bound to a role', () => {
  /** An agent with a role; what it revokes, and what it is told. */
  async function bound(agent: string, role: string, where: object = {}) {
    const key = { tenant: 'acme', agent }
    await server.agent(key)
    await people.bind({ kind: 'spiffe-id', value: `spiffe://example.test/tenant/acme/agent/${agent}` }, role, where)
    const tls = await server.certificate(key)
    const revoke = async (target: object) =>
      codeOf(await server.call('POST /v1/agent/auth/revoke', { tls, body: { ...target, reason: 'test' } }))
    const shown = async (options: CallOptions = {}) => (await server.call('GET /v1/whoami', { tls, ...options })).body
    return { key, tls, revoke, shown }
  }
  const other = { tenant: 'acme', agent: 'a1' }

  test('is the operator wherever managers may call, and the agent where its roles do not reach', async () => {
    const operator = await bound('operator', 'operator', { tenant: 'acme' })
    assert.equal(await operator.revoke(other), 200)
    const { kind, method, agent, grants } = await operator.shown()
    assert.deepEqual([kind, method, agent, grants.length], ['principal', 'svid', 'operator', 1])
    assert.equal(codeOf(await server.call('GET /v1/services?tenant=acme', operator)), 200)
    assert.equal(await operator.revoke(operator.key), 200)
    const elsewhere = await bound('elsewhere', 'operator', { tenant: 'globex' })
    assert.equal(await elsewhere.revoke(other), 'agent_unknown')
    assert.equal(await elsewhere.revoke(elsewhere.key), 200)
    const some = await bound('some', 'operator', { tenant: 'acme', agents: 'a*' })
    assert.equal(await some.revoke(other), 200)
    assert.equal(await some.revoke({ tenant: 'acme', agent: 'operator' }), 'agent_unknown')
    assert.equal(await some.revoke(some.key), 200)
    const reader = await bound('reader', 'auditor', { tenant: 'acme' })
    assert.equal(await reader.revoke(other), 'agent_unknown')
    assert.equal(await reader.revoke(reader.key), 200)
  })

  test('is the same one as the token of its agent, and no longer a principal once that was shut out', async () => {
    const { key, shown, revoke } = await bound('both-ways', 'operator', { tenant: 'acme' })
    const token = await server.token(key)
    assert.equal((await shown({ token })).kind, 'agent-token')
    const { id } = await shown()
    await people.done('POST /v1/kill', { minted_by: `principal:${id}`, reason: 'test' })
    assert.equal((await shown()).kind, 'agent-certificate')
    await people.done(`POST /v1/access/principals/${id}/reinstate`)
    assert.equal((await shown()).kind, 'agent-certificate')
    assert.equal(await revoke(other), 'agent_unknown')
    assert.equal(await revoke(key), 200)
  })
})
