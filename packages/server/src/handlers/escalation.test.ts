import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { generateKeyNow } from '@lanyard/protocol/node'
import { type CallOptions, type ClientTls, codeOf } from '../testing/client.ts'
import { csrOf, pemOf } from '../testing/http.ts'
import { joinNode } from '../testing/nodes.ts'
import { peopleStage } from '../testing/stages.ts'

// An admin of a tenant who wants all tenants, and an operator who wants to be an admin: what they could try, by what
// they have. Each attempt must be refused, and none may leave anything behind.

const { server, admin, people } = await peopleStage()
for (const tenant of ['acme', 'globex']) await server.agent({ tenant, agent: 'a1' })
const issuer = await people.issuer()

let numbers = 0
const fresh = (text: string) => `${text}-${++numbers}`
const someone = () => ({ kind: 'certificate', value: `dn:CN=${fresh('mallory')}` }) as const

/** A role of these permissions, in a tenant or for all; gives its name and id. */
async function roleOf(permissions: readonly string[], tenant?: string): Promise<{ id: string; role: string }> {
  const body = { role: fresh('role'), permissions, ...(tenant === undefined ? {} : { tenant }) }
  return await people.done('POST /v1/access/roles', body)
}

type Attempt = readonly [why: string, code: string, line: string, body?: object | (() => Promise<object>)]

async function attempts(credential: CallOptions, table: readonly Attempt[]): Promise<void> {
  for (const [why, code, line, given] of table) {
    const body = typeof given === 'function' ? await given() : given
    const answer = await server.call(line, { ...credential, ...(body === undefined ? {} : { body }) })
    assert.equal(codeOf(answer), code, `${why}: ${line} ${answer.text}`)
  }
}

/** A certificate by an agent token. */
async function certified(token: string): Promise<ClientTls> {
  const privateKey = generateKeyNow('P-256')
  const body = { csr: await csrOf(privateKey) }
  const issued = await server.call('POST /v1/agent/auth/cert', { token, body })
  assert.equal(issued.status, 201, issued.text)
  return { key: pemOf(privateKey), cert: issued.body.certificate + issued.body.chain }
}

const QUESTION = { subject: { type: 'user', id: 'u' }, action: { name: 'a' }, resource: { type: 'file', id: 'f' } }
const WIDE = ['role_too_wide', 'tenant_mismatch', 'permission_missing']

/** Whoever administers acme and nothing else, by a method of each kind. */
async function adminsOfAcme(): Promise<[string, CallOptions][]> {
  return [
    ['api-key', { token: await server.apiKey('admin', { tenant: 'acme' }) }],
    ['jwt', await people.jwt(issuer, 'admin', { tenant: 'acme' })],
    [
      'hinted jwt',
      { ...(await people.jwt(issuer, 'admin', { tenant: 'acme' })), headers: { 'x-lanyard-tenant-id': 'acme' } },
    ],
  ]
}

describe("a tenant's admin who wants all tenants", () => {
  test('gives nothing beyond the tenant', async () => {
    for (const [method, credential] of await adminsOfAcme()) {
      const lines: readonly [string, object][] = [
        ['POST /v1/access/bindings', { ...someone(), role: 'auditor', tenant: 'globex' }],
        ['POST /v1/access/bindings', { ...someone(), role: 'auditor', tenant: 'nobody' }],
        ['POST /v1/access/roles', { role: fresh('r'), permissions: ['agent.read'], tenant: 'globex' }],
        ['POST /v1/access/issuers', { issuer: 'https://x.test', audiences: ['a'], tenant: 'globex' }],
        ['POST /v1/api-keys', { name: 'k', role: 'auditor', tenant: 'globex' }],
      ]
      for (const [line, body] of lines) {
        const answer = await server.call(line, { ...credential, body })
        assert.ok(WIDE.includes(answer.body?.code), `${method} ${line} ${answer.text}`)
      }
      // What names no tenant is of the one that they have, never of all.
      const made = await server.call('POST /v1/access/bindings', {
        ...credential,
        body: { ...someone(), role: 'admin' },
      })
      assert.equal(made.body.tenant, 'acme', made.text)
      const body = { name: 'k', role: 'admin' }
      assert.equal((await server.call('POST /v1/api-keys', { ...credential, body })).body.tenant, 'acme')
      const role = { role: fresh('r'), permissions: ['agent.read'] }
      assert.equal((await server.call('POST /v1/access/roles', { ...credential, body: role })).body.tenant, 'acme')
    }
  })

  test('gets no more by naming another tenant in the header', async () => {
    const { token } = await people.jwt(issuer, 'admin', { tenant: 'acme' })
    const hinted = { token, headers: { 'x-lanyard-tenant-id': 'globex' } }
    await attempts(hinted, [
      ['reads', 'permission_missing', 'GET /v1/agents'],
      ['binds', 'permission_missing', 'POST /v1/access/bindings', { ...someone(), role: 'auditor' }],
      ['kills', 'permission_missing', 'POST /v1/kill', { minted_by: 'api-key:x', reason: 'x' }],
      ['names both', 'permission_missing', 'GET /v1/agents?tenant=globex'],
    ])
    const broken = { token, headers: { 'x-lanyard-tenant-id': '../globex' } }
    await attempts(broken, [['a name that is none', 'name_invalid', 'GET /v1/agents']])
    // In the call itself it stands before the header.
    const own = { token, headers: { 'x-lanyard-tenant-id': 'acme' } }
    await attempts(own, [['names another beside', 'permission_missing', 'GET /v1/agents?tenant=globex']])
  })

  test('changes nothing of what is for all', async () => {
    const role = await roleOf(['agent.read'])
    const binding = await people.bind(someone(), 'auditor')
    const key = await people.done('POST /v1/api-keys', { name: 'k', role: 'auditor' })
    for (const [, credential] of await adminsOfAcme()) {
      await attempts(credential, [
        ['widens', 'role_unknown', `PATCH /v1/access/roles/${role.id}`, { permissions: ['agent.kill'] }],
        ['deletes', 'role_unknown', `DELETE /v1/access/roles/${role.id}`],
        ['unbinds', 'not_found', `DELETE /v1/access/bindings/${binding}`],
        ['takes its keys', 'issuer_unknown', `PATCH /v1/access/issuers/${issuer.id}`, { jwks_uri: 'https://x.test/k' }],
        ['switches off', 'issuer_unknown', `PATCH /v1/access/issuers/${issuer.id}`, { enabled: false }],
        ['deletes it', 'issuer_unknown', `DELETE /v1/access/issuers/${issuer.id}`],
        ['ends a key', 'not_found', `DELETE /v1/api-keys/${key.id}`],
        ['kills a key', 'not_found', 'POST /v1/kill', { minted_by: `api-key:${key.id}`, reason: 'x' }],
        [
          'looks at it',
          'not_found',
          'POST /v1/access/explain',
          { who: { kind: 'api-key', value: key.id }, action: 'killAgent' },
        ],
      ])
    }
  })

  test('shuts nobody out of more than the tenant', async () => {
    const operator = await people.jwt(issuer, 'operator')
    const { body: who } = await server.call('GET /v1/whoami', operator)
    const own = await server.call('POST /v1/agents', { ...operator, body: { tenant: 'globex', agent: fresh('kept') } })
    assert.equal(own.status, 201)
    const opened = await server.call('POST /v1/agent/bootstrap', {
      ...operator,
      body: { tenant: 'globex', agent: 'a1' },
    })
    const token = await server.apiKey('admin', { tenant: 'acme' })
    const kill = { minted_by: `principal:${who.id}`, reason: 'x' }
    assert.equal((await server.call('POST /v1/kill', { token, body: kill })).status, 202)
    // Everything that it made elsewhere lives, and so does it.
    assert.equal((await server.call('GET /v1/agents', operator)).status, 200)
    assert.equal((await server.call('GET /v1/whoami', { token: opened.body.token })).status, 200)
    const lift = `POST /v1/access/principals/${who.id}/reinstate`
    const globex = await server.apiKey('admin', { tenant: 'globex' })
    assert.equal(codeOf(await server.call(lift, { token: globex })), 'not_found')
    assert.equal((await server.call(lift, { token })).status, 204)
    // Nor do they let anybody in again whom an admin of all shut out.
    await people.done('POST /v1/kill', { ...kill, reason: 'y' })
    assert.equal(codeOf(await server.call(lift, { token })), 'not_found')
    assert.equal(codeOf(await server.call('GET /v1/agents', operator)), 'principal_barred')
  })

  test('is not everybody by the name of a role', async () => {
    const name = fresh('team')
    await people.done('POST /v1/access/roles', { role: name, permissions: ['agent.read'] })
    const token = await server.apiKey('admin', { tenant: 'acme' })
    await attempts({ token }, [
      ['in place of one for all', 'role_exists', 'POST /v1/access/roles', { role: name, permissions: ['tenant.kill'] }],
      [
        'in place of a built-in one',
        'role_exists',
        'POST /v1/access/roles',
        { role: 'auditor', permissions: ['tenant.kill'] },
      ],
      ['of agents', 'role_exists', 'POST /v1/access/roles', { role: 'agent', permissions: ['agent.read'] }],
      ['is given an agent', 'role_unknown', 'POST /v1/access/bindings', { ...someone(), role: 'agent' }],
      ['is given a node', 'role_unknown', 'POST /v1/access/bindings', { ...someone(), role: 'node' }],
      ['makes an agent of a key', 'role_unknown', 'POST /v1/api-keys', { name: 'k', role: 'agent' }],
    ])
  })

  test('is not somebody else by an issuer of the tenant', async () => {
    const ofGlobex = await people.issuer('globex')
    const token = await server.apiKey('admin', { tenant: 'acme' })
    const user = (id: string) => ({ kind: 'user', issuer: id, value: 'x' })
    const own = await people.issuer('acme', { introspection: null, introspection_secret: undefined })
    await attempts({ token }, [
      ["binds another's", 'issuer_unknown', 'POST /v1/access/bindings', { ...user(ofGlobex.id), role: 'auditor' }],
      ['binds none', 'issuer_unknown', 'POST /v1/access/bindings', { kind: 'user', value: 'x', role: 'auditor' }],
      ["changes another's", 'issuer_unknown', `PATCH /v1/access/issuers/${ofGlobex.id}`, { enabled: false }],
    ])
    // An admin of all gives nothing for all by the word of one tenant's issuer either.
    await attempts({ token: admin }, [
      ['for all', 'issuer_unknown', 'POST /v1/access/bindings', { ...user(own.id), role: 'auditor' }],
      [
        'elsewhere',
        'issuer_unknown',
        'POST /v1/access/bindings',
        { ...user(own.id), role: 'auditor', tenant: 'globex' },
      ],
    ])
  })

  test('learns no secret of an introspection client by sending it elsewhere', async () => {
    const own = await people.issuer('acme')
    const token = await server.apiKey('admin', { tenant: 'acme' })
    const elsewhere = `${(await people.providers.make('https://elsewhere.test')).issuer}/introspect`
    const change = { introspection: { url: elsewhere, client_id: 'lanyard' } }
    const moved = await server.call(`PATCH /v1/access/issuers/${own.id}`, { token, body: change })
    assert.equal(moved.status, 200, moved.text)
    assert.doesNotMatch(moved.text, /pssst/)
    const opaque = 'an-opaque-token-of-nobody'
    await server.call('GET /v1/agents', { token: opaque, headers: { 'x-lanyard-tenant-id': 'acme' } })
    const shown = people.providers.shown.filter(({ url }) => url === elsewhere)
    assert.deepEqual(shown, [{ url: elsewhere, token: opaque, authorization: undefined }])
  })
})

describe('an operator who wants to be an admin', () => {
  const operators = async (tenant?: string): Promise<CallOptions[]> => [
    { token: await server.apiKey('operator', tenant === undefined ? {} : { tenant }) },
    await people.jwt(issuer, 'operator', tenant === undefined ? {} : { tenant }),
  ]

  test('does not touch who may do what', async () => {
    for (const credential of [...(await operators()), ...(await operators('acme'))]) {
      await attempts(credential, [
        ['binds', 'permission_missing', 'POST /v1/access/bindings', { ...someone(), role: 'operator', tenant: 'acme' }],
        [
          'defines',
          'permission_missing',
          'POST /v1/access/roles',
          { role: 'x', permissions: ['agent.read'], tenant: 'acme' },
        ],
        ['makes keys', 'permission_missing', 'POST /v1/api-keys', { name: 'k', role: 'operator', tenant: 'acme' }],
        ['lets vouch', 'permission_missing', 'POST /v1/access/issuers', { issuer: 'https://x.test', audiences: ['a'] }],
        [
          'lets agents vouch',
          'permission_missing',
          'POST /v1/tenants/acme/idps',
          { issuer: 'https://x.test', audiences: ['a'] },
        ],
        ['revokes secrets', 'permission_missing', 'POST /v1/agents/acme/a1/revoke-secret', { reason: 'x' }],
        [
          'shuts admins out',
          'permission_missing',
          'POST /v1/kill',
          { minted_by: `principal:${'0'.repeat(32)}`, reason: 'x' },
        ],
        ['lets itself in', 'permission_missing', `POST /v1/access/principals/${'0'.repeat(32)}/reinstate`],
      ])
    }
  })

  test('does not become an agent that is one', async () => {
    const agent = fresh('deployer')
    await server.agent({ tenant: 'acme', agent })
    const value = `spiffe://example.test/tenant/acme/agent/${agent}`
    const binding = await people.bind({ kind: 'spiffe-id', value }, 'admin', { tenant: 'acme' })
    const key = { tenant: 'acme', agent }
    const entry = { ...key, selectors: ['unix:uid:0'] }
    for (const credential of [
      ...(await operators()),
      ...(await operators('acme')),
      { token: await server.apiKey('issuer') },
    ]) {
      const may = (await server.call('GET /v1/whoami', credential)).body.permissions
      const table: Attempt[] = [
        ['by a token', 'role_too_wide', 'POST /v1/agent/bootstrap', key],
        ['by a secret', 'role_too_wide', `POST /v1/agents/acme/${agent}/secret`],
        ['by an entry', 'role_too_wide', 'POST /v1/entries', entry],
        ['by many entries', 'role_too_wide', 'POST /v1/entries/batch', { entries: [entry] }],
      ]
      await attempts(credential, may.includes('secret.manage') ? table : table.slice(0, 1))
    }
    // Nor by a machine that would be asked for it, once somebody who may has made an entry.
    await people.done('POST /v1/entries', entry)
    for (const credential of [...(await operators()), ...(await operators('acme'))])
      await attempts(credential, [
        ['by a node', 'role_too_wide', 'POST /v1/nodes/join-tokens', { name: fresh('n'), tenant: 'acme' }],
      ])
    await people.done(`DELETE /v1/access/bindings/${binding}`)
    for (const credential of await operators('acme'))
      assert.equal((await server.call('POST /v1/agent/bootstrap', { ...credential, body: key })).status, 200)
  })

  test('does not become one by what a tenant says of its agents', async () => {
    const agent = fresh('bound')
    await server.agent({ tenant: 'acme', agent })
    const value = `spiffe://example.test/tenant/acme/agent/${agent}`
    await people.bind({ kind: 'spiffe-id', value }, 'admin')
    // An admin of the tenant holds all that the agent would in it, and nothing for all tenants.
    for (const [, credential] of await adminsOfAcme())
      await attempts(credential, [
        ['by a token', 'role_too_wide', 'POST /v1/agent/bootstrap', { tenant: 'acme', agent }],
      ])
    assert.equal(
      (await server.call('POST /v1/agent/bootstrap', { token: admin, body: { tenant: 'acme', agent } })).status,
      200,
    )
  })

  test('is not one in all tenants by what it had of the agent before that was bound', async () => {
    const agent = fresh('early')
    await server.agent({ tenant: 'acme', agent })
    const token = await server.apiKey('operator', { tenant: 'acme' })
    const body = { tenant: 'acme', agent }
    const { secret } = (await server.call(`POST /v1/agents/acme/${agent}/secret`, { token })).body
    const early = await certified((await server.call('POST /v1/agent/bootstrap', { token, body })).body.token)
    server.clock.advance(1)
    await people.bind({ kind: 'spiffe-id', value: `spiffe://example.test/tenant/acme/agent/${agent}` }, 'admin')
    const headers = { authorization: `Lanyard-Secret ${secret}` }
    const session = await server.call('POST /v1/agent/session', { headers, body })
    for (const tls of [early, await certified(session.body.token)])
      await attempts({ tls }, [
        ['makes an admin', 'permission_missing', 'POST /v1/api-keys', { name: 'k', role: 'admin' }],
        ['reads', 'permission_missing', 'GET /v1/agents'],
      ])
    const backed = await server.call('POST /v1/agent/bootstrap', { token: admin, body })
    assert.equal((await server.call('GET /v1/agents', { tls: await certified(backed.body.token) })).status, 200)
  })
})

describe('somebody who manages access and little else', () => {
  const little = ['access.manage', 'access.read', 'apikey.manage', 'agent.read']
  const holders = async (): Promise<CallOptions[]> => {
    const { role } = await roleOf(little, 'acme')
    const key = await people.done('POST /v1/api-keys', { name: 'k', role, tenant: 'acme' })
    return [{ token: key.key }, await people.jwt(issuer, role, { tenant: 'acme' })]
  }

  test('gives away no more than that', async () => {
    for (const credential of await holders()) {
      const own = await roleOf(['agent.read'], 'acme')
      await attempts(credential, [
        ['a built-in role', 'role_too_wide', 'POST /v1/access/bindings', { ...someone(), role: 'auditor' }],
        ['an admin', 'role_too_wide', 'POST /v1/access/bindings', { ...someone(), role: 'admin' }],
        [
          'for some agents',
          'role_too_wide',
          'POST /v1/access/bindings',
          { ...someone(), role: 'admin', agents: 'x-*' },
        ],
        ['a key', 'role_too_wide', 'POST /v1/api-keys', { name: 'k', role: 'auditor' }],
        ['a role', 'role_too_wide', 'POST /v1/access/roles', { role: fresh('r'), permissions: ['agent.kill'] }],
        [
          'a wider role',
          'role_too_wide',
          `PATCH /v1/access/roles/${own.id}`,
          { permissions: ['agent.read', 'agent.kill'] },
        ],
      ])
      const narrower = { ...someone(), role: own.role }
      assert.equal(codeOf(await server.call('POST /v1/access/bindings', { ...credential, body: narrower })), 201)
    }
  })

  test('lets nobody in again who was shut out, and may be more than they are', async () => {
    const admins = await people.jwt(issuer, 'admin', { tenant: 'acme' })
    const { id } = (await server.call('GET /v1/whoami', admins)).body
    await people.done('POST /v1/kill', { minted_by: `principal:${id}`, reason: 'stolen' })
    for (const credential of await holders())
      await attempts(credential, [['lifts', 'permission_missing', `POST /v1/access/principals/${id}/reinstate`]])
    assert.equal(codeOf(await server.call('GET /v1/agents', admins)), 'principal_barred')
  })

  test('is nobody whom an issuer vouches for', async () => {
    const vouching = await people.issuer('acme', { introspection: null, introspection_secret: undefined })
    const line = `PATCH /v1/access/issuers/${vouching.id}`
    const forger = 'https://forger.test'
    for (const credential of await holders()) {
      // Nobody is bound yet: it is theirs to configure.
      assert.equal(codeOf(await server.call(line, { ...credential, body: { max_token_age_sec: 60 } })), 200)
    }
    await people.bind({ kind: 'user', issuer: vouching.id, value: 'root' }, 'admin', { tenant: 'acme' })
    for (const credential of await holders()) {
      await attempts(credential, [
        ['by its keys', 'role_too_wide', line, { jwks_uri: `${forger}/jwks` }],
        ['by its claims', 'role_too_wide', line, { claims: { subject: 'email', name: 'name', groups: 'groups' } }],
        ['by its audiences', 'role_too_wide', line, { audiences: ['another'] }],
        ['by its server', 'role_too_wide', line, { introspection: { url: forger, client_id: 'x' } }],
        ['by enabling', 'role_too_wide', line, { enabled: true }],
        ['while disabling', 'role_too_wide', line, { enabled: false, jwks_uri: `${forger}/jwks` }],
      ])
      // To take away is no gain.
      assert.equal(codeOf(await server.call(line, { ...credential, body: { enabled: false } })), 200)
    }
  })
})

describe('a grant for some agents', () => {
  test('counts for these alone, and for no call that names none', async () => {
    for (const agent of ['inv-1', 'led-1']) await server.agent({ tenant: 'acme', agent })
    const clerk = await people.jwt(issuer, 'admin', { tenant: 'acme', agents: 'inv-*' })
    assert.equal((await server.call('GET /v1/agents/acme/inv-1', clerk)).status, 200)
    assert.equal(
      (await server.call('POST /v1/agent/bootstrap', { ...clerk, body: { tenant: 'acme', agent: 'inv-1' } })).status,
      200,
    )
    const kill = (scope: string) => ({ reason: 'x', scope })
    await attempts(clerk, [
      ['another', 'agent_not_covered', 'GET /v1/agents/acme/led-1'],
      ['all', 'agent_not_covered', 'GET /v1/agents'],
      ['all of the tenant', 'agent_not_covered', 'GET /v1/agents?tenant=acme'],
      ['another tenant', 'permission_missing', 'GET /v1/agents/globex/inv-1'],
      ['one in the path, another in the body', 'body_invalid', 'PATCH /v1/agents/acme/led-1', { agent: 'inv-1' }],
      ['one in the query, another in the path', 'query_invalid', 'GET /v1/agents/acme/led-1?agent=inv-1'],
      ['token for another', 'agent_not_covered', 'POST /v1/agent/bootstrap', { tenant: 'acme', agent: 'led-1' }],
      ['kill of another', 'agent_not_covered', 'POST /v1/agents/acme/led-1/kill', kill('agent')],
      ['kill with all of a source', 'agent_not_covered', 'POST /v1/agents/acme/inv-1/kill', kill('source')],
      ['kill with all of a key', 'agent_not_covered', 'POST /v1/agents/acme/inv-1/kill', kill('api-key')],
      ['kill of a lineage', 'agent_not_covered', 'POST /v1/kill', { lineage: '0'.repeat(32), reason: 'x' }],
      ['a machine', 'agent_not_covered', 'POST /v1/nodes/join-tokens', { name: 'n', tenant: 'acme' }],
      [
        'entries',
        'agent_not_covered',
        'POST /v1/entries/batch',
        { entries: [{ tenant: 'acme', agent: 'inv-1', selectors: ['unix:uid:1'] }] },
      ],
      [
        'an entry of another, by its id',
        'agent_not_covered',
        'POST /v1/entries',
        { spiffe_id: 'spiffe://example.test/tenant/acme/agent/led-1', selectors: ['unix:uid:1'] },
      ],
      [
        'an entry of another, by its id beside a name',
        'body_invalid',
        'POST /v1/entries',
        { agent: 'inv-1', spiffe_id: 'spiffe://example.test/tenant/acme/agent/led-1', selectors: ['unix:uid:1'] },
      ],
      [
        'a question to the policies',
        'agent_not_covered',
        'POST /access/v1/evaluation',
        { ...QUESTION, agent: 'inv-1' },
      ],
      [
        'several questions',
        'agent_not_covered',
        'POST /access/v1/evaluations',
        { evaluations: [QUESTION], tenant: 'acme', agent: 'inv-1' },
      ],
      ['a key', 'agent_not_covered', 'POST /v1/api-keys', { name: 'k', role: 'issuer', agents: 'inv-*' }],
      ['a role for itself', 'agent_not_covered', 'POST /v1/access/bindings', { ...someone(), role: 'admin' }],
      [
        'a role within',
        'agent_not_covered',
        'POST /v1/access/bindings',
        { ...someone(), role: 'admin', agents: 'inv-*' },
      ],
      ['a tenant', 'agent_not_covered', 'POST /v1/tenants/acme/kill', { reason: 'x' }],
    ])
    assert.equal((await server.call('POST /v1/agents/acme/inv-1/kill', { ...clerk, body: kill('agent') })).status, 202)
  })

  test('of an API key makes neither a machine nor a provider, which would be every agent', async () => {
    const token = await server.apiKey('admin', { tenant: 'acme', agents: 'inv-*' })
    const idps = 'POST /v1/tenants/acme/idps'
    const node = await joinNode(server, { name: fresh('n'), tenant: 'acme' })
    const settings = { issuer: 'https://x.test', audiences: ['a'] }
    const idp = (await people.done(idps, settings)).id
    await attempts({ token }, [
      ['a machine', 'agent_not_covered', 'POST /v1/nodes/join-tokens', { name: fresh('n'), tenant: 'acme' }],
      ['a machine elsewhere', 'agent_not_covered', `PATCH /v1/nodes/${node.reply.node}`, { groups: ['led'] }],
      ['a provider', 'agent_not_covered', idps, { ...settings, issuer: 'https://y.test' }],
      ['one that may', 'agent_not_covered', `PATCH /v1/tenants/acme/idps/${idp}`, { allow_agent_federation: true }],
    ])
    await people.done(`DELETE /v1/tenants/acme/idps/${idp}`)
  })

  test('is given within the pattern of the key that gives it', async () => {
    const token = await server.apiKey('admin', { tenant: 'acme', agents: 'inv-*' })
    const give = (agents?: string) => ({ ...someone(), role: 'operator', ...(agents === undefined ? {} : { agents }) })
    await attempts({ token }, [
      ['all', 'role_too_wide', 'POST /v1/access/bindings', give('*')],
      ['others', 'role_too_wide', 'POST /v1/access/bindings', give('led-*')],
      ['more', 'role_too_wide', 'POST /v1/access/bindings', give('*inv-*')],
      [
        'a role for everybody',
        'role_too_wide',
        'POST /v1/access/roles',
        { role: fresh('r'), permissions: ['agent.kill'] },
      ],
    ])
    const made = await server.call('POST /v1/access/bindings', { token, body: give() })
    assert.equal(made.body.agents, 'inv-*', made.text)
    assert.equal((await server.call('POST /v1/access/bindings', { token, body: give('inv-a*') })).status, 201)
  })
})

describe('grants in several places', () => {
  test('do not add up', async () => {
    const value = fresh('both')
    const bindee = { kind: 'user', issuer: issuer.id, value } as const
    await people.bind(bindee, 'admin', { tenant: 'acme' })
    await people.bind(bindee, 'auditor', { tenant: 'globex' })
    const credential = { token: await issuer.provider.sign({ sub: value }) }
    await attempts(credential, [
      ['which one', 'tenant_ambiguous', 'GET /v1/agents'],
      ['admin elsewhere', 'permission_missing', 'POST /v1/agents', { tenant: 'globex', agent: 'x' }],
      ['admin nowhere', 'permission_missing', 'POST /v1/tenants', { tenant: 'new' }],
      [
        'admin of another',
        'permission_missing',
        'POST /v1/access/bindings',
        { ...someone(), role: 'auditor', tenant: 'globex' },
      ],
    ])
    const named = { ...credential, headers: { 'x-lanyard-tenant-id': 'globex' } }
    const { body } = await server.call('GET /v1/agents', named)
    assert.deepEqual([...new Set(body.items.map((item: { tenant: string }) => item.tenant))], ['globex'])
    const whoami = await server.call('GET /v1/whoami', credential)
    assert.equal(whoami.body.grants.length, 2)
  })
})

describe('an agent that an identity provider vouches for', () => {
  test('has no role beyond its tenant, and its provider is changed by those alone who hold what it has', async () => {
    const tenant = fresh('fed')
    const provider = await people.providers.make(`https://${tenant}.test`)
    await people.done('POST /v1/tenants', { tenant })
    const settings = { issuer: provider.issuer, audiences: [provider.audience], allow_agent_federation: true }
    const idp = await people.done(`POST /v1/tenants/${tenant}/idps`, settings)
    const held = await federated(tenant, await provider.sign({ sub: 'robot' }))
    const value = `spiffe://example.test/tenant/${tenant}/agent/robot`
    const everywhere = await people.bind({ kind: 'spiffe-id', value }, 'admin')
    // By the word of a tenant's provider it is nobody in all tenants: it is refused as the agent that it is.
    await attempts({ tls: held }, [
      ['in all tenants', 'permission_missing', 'GET /v1/agents'],
      ['elsewhere', 'permission_missing', 'GET /v1/agents?tenant=acme'],
      ['in its own', 'permission_missing', `GET /v1/agents?tenant=${tenant}`],
    ])
    await people.done(`DELETE /v1/access/bindings/${everywhere}`)
    await people.bind({ kind: 'spiffe-id', value }, 'admin', { tenant })
    assert.equal((await server.call('GET /v1/agents', { tls: held })).status, 200)
    const { role } = await roleOf(['idp.manage', 'idp.read'], tenant)
    const little = await people.jwt(issuer, role, { tenant })
    const line = `/v1/tenants/${tenant}/idps`
    await attempts(little, [
      ['by its keys', 'role_too_wide', `PATCH ${line}/${idp.id}`, { jwks_uri: 'https://forger.test/jwks' }],
      ['by its claims', 'role_too_wide', `PATCH ${line}/${idp.id}`, { claim_mapping: { agentId: 'email' } }],
      ['by another', 'role_too_wide', `POST ${line}`, { ...settings, issuer: 'https://forger.test' }],
    ])
    assert.equal((await server.call(`PATCH ${line}/${idp.id}`, { ...little, body: { enabled: false } })).status, 200)
    await attempts(little, [['by enabling it again', 'role_too_wide', `PATCH ${line}/${idp.id}`, { enabled: true }]])
  })

  async function federated(tenant: string, token: string): Promise<ClientTls> {
    const headers = { 'x-lanyard-tenant-id': tenant }
    const opened = await server.call('POST /v1/agent/federated-bootstrap', { token, headers })
    return await certified(opened.body.token)
  }
})

test('what a known principal is refused is told, by its id', async () => {
  const auditor = await people.jwt(issuer, 'auditor', { tenant: 'acme' })
  const { body } = await server.call('GET /v1/whoami', auditor)
  await attempts(auditor, [['kills', 'permission_missing', 'POST /v1/agents/acme/a1/kill', { reason: 'x' }]])
  const events = await people.done('GET /v1/events?type=access.refused&limit=1')
  assert.equal(events.items[0].actor, `principal:${body.id}`)
  assert.deepEqual(events.items[0].detail, { code: 'permission_missing', more_since_last: 0 })
})

describe('an admin for one minute', () => {
  const minute = { expires_in_sec: 60 }
  const made = async (credential: CallOptions, line: string, body: object) => {
    const answer = await server.call(line, { ...credential, body })
    assert.equal(answer.status, 201, answer.text)
    return answer.body
  }

  test('gives nothing for longer, by no detour', async () => {
    const admins = await people.jwt(issuer, 'admin', minute)
    const binding = { ...someone(), role: 'admin' }
    const bound = await server.call('POST /v1/access/bindings', { ...admins, body: binding })
    const { items } = await people.done('GET /v1/access/bindings?limit=500')
    const ends = items.map((item: { expires_at: string | null }) => item.expires_at).filter(Boolean)
    assert.ok(
      ends.some((end: string) => bound.body.detail.includes(end)),
      bound.text,
    )
    const own = await roleOf(['agent.read'])
    const role = `PATCH /v1/access/roles/${own.id}`
    const login = `PATCH /v1/access/issuers/${issuer.id}`
    await people.bind({ kind: 'user', issuer: issuer.id, value: fresh('stays') }, 'admin')
    const tries: readonly Attempt[] = [
      ['themselves', 'role_too_wide', 'POST /v1/access/bindings', binding],
      ['for an hour', 'role_too_wide', 'POST /v1/access/bindings', { ...binding, expires_in_sec: 3600 }],
      ['a lesser role', 'role_too_wide', 'POST /v1/access/bindings', { ...someone(), role: 'auditor' }],
      ['a key', 'role_too_wide', 'POST /v1/api-keys', { name: 'k', role: 'admin' }],
      [
        'a key for a year',
        'role_too_wide',
        'POST /v1/api-keys',
        { name: 'k', role: 'admin', expires_in_sec: 31_536_000 },
      ],
      ['a wider role', 'role_too_wide', role, { permissions: ['agent.read', 'agent.kill'] }],
      ['the issuer of other admins', 'role_too_wide', login, { jwks_uri: 'https://forger.test/keys' }],
    ]
    await attempts(admins, tries)
    const key = await made(admins, 'POST /v1/api-keys', { name: 'k', role: 'admin', ...minute })
    await attempts({ token: key.key }, tries)
    const second = await made({ token: key.key }, 'POST /v1/api-keys', { name: 'k', role: 'admin', ...minute })
    await attempts({ token: second.key }, tries)
    const operator = fresh('brief')
    const brief = { kind: 'certificate', value: `dn:CN=${operator}`, role: 'admin', ...minute }
    await made({ token: second.key }, 'POST /v1/access/bindings', brief)
    await attempts(people.certificate(operator), tries)
  })

  test('gives for good what they hold for good beside it', async () => {
    const sub = fresh('both')
    const bindee = { kind: 'user', issuer: issuer.id, value: sub } as const
    await people.bind(bindee, 'admin', { tenant: 'acme' })
    await people.bind(bindee, 'admin', minute)
    const both = { token: await issuer.provider.sign({ sub }) }
    const { key } = await made(both, 'POST /v1/api-keys', { name: 'k', role: 'admin', tenant: 'acme' })
    await made({ token: key }, 'POST /v1/api-keys', { name: 'k', role: 'admin', expires_in_sec: 31_536_000 })
    await attempts(both, [
      ['elsewhere', 'role_too_wide', 'POST /v1/api-keys', { name: 'k', role: 'admin', tenant: 'globex' }],
    ])
  })
})
