import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type CredentialKind, permissionsOf, type Route, type RouteId, routes, splitCall } from '@lanyard/api'
import type { AccessGrant, Caller, CertificateCaller, NodeCaller, PrincipalMethod, Step } from '@lanyard/authority'
import { type HttpHarness, openHttp } from '../testing/http.ts'
import { createJudge, questionsOf } from './judge.ts'

const INVOICE = { tenant: 'acme', agent: 'invoice' }
const ID = 'ab'.repeat(16)
const until = { expiresAt: Number.MAX_SAFE_INTEGER }
const own = {
  ...INVOICE,
  spiffeId: 'spiffe://example.test/tenant/acme/agent/invoice',
  lineage: ID,
  incarnation: 1,
  ...until,
}
const certificate: CertificateCaller = {
  ...own,
  kind: 'agent-certificate',
  permissions: permissionsOf('agent'),
  issuerKeyId: ID,
  serial: ID,
  keyThumbprint: 'k',
}

/** One caller of each kind, and of each way to be a principal. */
function callersOf(kind: CredentialKind): readonly Caller[] {
  switch (kind) {
    case 'api-key': {
      const key = {
        kind,
        id: 'k1',
        name: 'deploy “key”',
        role: 'operator',
        permissions: permissionsOf('operator'),
      } as const
      const rest = { agents: null, rateLimit: null, bounded: false, ...until }
      return [
        { ...key, ...rest, tenant: null },
        { ...key, ...rest, tenant: 'acme' },
      ]
    }
    case 'principal':
      return (['jwt', 'introspection', 'certificate', 'svid'] as const).map(principal)
    case 'agent-token':
      return [{ kind, ...own, permissions: permissionsOf('agent'), jti: ID, jkt: null }]
    case 'agent-certificate':
      return [certificate]
    case 'agent-secret':
      return [{ kind, ...own, permissions: new Set(), secret: 's1', factor: null }]
    case 'external-token': {
      const idp = {
        idp: ID,
        issuer: 'https://idp.test',
        subject: 'x',
        tier: 'silver',
        tokenHash: ID,
        configuredAt: 0,
        issuedAt: 0,
      } as const
      return [{ kind, ...idp, ...until, permissions: new Set(), tenant: 'acme', agent: 'newcomer' }]
    }
    case 'node-certificate':
      return [null, 'acme'].map(nodeOf)
    default:
      throw new TypeError(`no caller of kind ${kind satisfies never}`)
  }
}

const nodeOf = (tenant: string | null): NodeCaller => ({
  kind: 'node-certificate',
  node: ID,
  name: 'n1',
  tenant,
  groups: ['linux'],
  spiffeId: 'spiffe://example.test/lanyard/node/n1',
  permissions: permissionsOf('node'),
  spki: new Uint8Array(),
  keyThumbprint: 'k',
  ...until,
})

function principal(method: PrincipalMethod): Caller {
  const grant = (role: string, tenant: string | null): AccessGrant => {
    return { binding: ID, role, tenant, agents: null, expiresAt: null, permissions: permissionsOf('operator') }
  }
  return {
    kind: 'principal',
    method,
    id: ID,
    name: 'Ada',
    issuer: method === 'jwt' || method === 'introspection' ? 'https://login.test' : null,
    subject: 'CN=Ada,O=Acme',
    groups: ['sre', 'größe "1"'],
    grants: [grant('operator', 'acme'), grant('on-call', 'acme'), grant('auditor', null)],
    permissions: permissionsOf('operator'),
    ...{ tenant: 'acme', agents: null, rateLimit: null, issuedAt: null, ...until },
    svid: method === 'svid' ? certificate : null,
  }
}

/** Bodies and queries of calls that name what they are about elsewhere than in their path. */
const SAID: { readonly [Id in RouteId]?: { readonly body?: unknown; readonly query?: unknown } } = {
  createEntry: { body: { spiffe_id: own.spiffeId, selectors: ['unix:uid:1'] } },
  createEntries: {
    body: {
      entries: [
        { ...INVOICE, selectors: ['unix:uid:1'] },
        { ...INVOICE, agent: 'payroll', selectors: ['unix:uid:1'] },
      ],
    },
  },
  killCredential: { body: { serial: ID, reason: 'x' } },
  revokeCert: { body: { serial: ID, reason: 'x' } },
  updateAgent: { body: { lifecycle: 'quarantined' } },
  issueWorkloadCert: { body: { entry: ID } },
  issueJwtSvid: { body: { entry: ID } },
  issueWitSvid: { body: { entry: ID } },
  listServices: { query: { spiffe_id: own.spiffeId } },
}

const PARAM: Readonly<Record<string, string>> = {
  ...INVOICE,
  version: '1',
  incident: 'incident-1',
  trust_domain: 'other.test',
}

describe('what is asked of the policies', () => {
  let server: HttpHarness
  const ports = () => ({ ...server.pipeline, policies: server.policies, clock: server.clock })

  before(async () => {
    server = await openHttp()
    await server.agent(INVOICE)
  })
  after(() => server.close())

  const everything = (version: number, tenant: string | null = null) =>
    server.policies.compiled({
      tenant,
      version,
      policies: 'permit (principal, action, resource);',
      schema: '',
      entities: [],
    })

  test('fits the schema, for every call and every kind of credential', async () => {
    const set = everything(1)
    assert.equal(set.problem, null)
    for (const [id, route] of Object.entries<Route>(routes) as [RouteId, Route][]) {
      if (route.auth.kind === 'public') continue
      const names = [...splitCall(route.call).path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!)
      const params = Object.fromEntries(names.map(name => [name, PARAM[name] ?? ID]))
      for (const caller of route.auth.accepts.flatMap(callersOf)) {
        for (const target of [{}, INVOICE, { tenant: 'acme' }, { tenant: 'nobody' }, { ...INVOICE, agent: 'nobody' }]) {
          const { body, query } = SAID[id] ?? {}
          const parts = { params, query: { ...(query as object) }, body: { ...(body as object) } }
          const named = { tenant: undefined, agent: undefined, ...target }
          const call = { id, route, caller, ...named, parts, source: '::ffff:192.0.2.7', requestId: 'r' }
          const questions = await questionsOf(ports(), call)
          assert.ok(questions.length > 0, id)
          for (const { about: _, ...question } of questions) {
            const { errors } = set.decide(question)
            assert.deepEqual(errors, [], `${id} by ${caller.kind}: ${JSON.stringify(question)}`)
          }
        }
      }
    }
  })

  test('no call names a tenant or an agent in two places, which could differ', () => {
    for (const [id, route] of Object.entries<Route>(routes)) {
      for (const name of ['tenant', 'agent']) {
        const shapes = [route.query, route.body].filter(schema => schema !== undefined)
        const said = shapes.filter(schema =>
          JSON.stringify(schema.toJSONSchema?.({ io: 'input', unrepresentable: 'any' })).includes(`"${name}":`),
        )
        const count = said.length + (splitCall(route.call).path.includes(`{${name}}`) ? 1 : 0)
        assert.ok(count <= 1, `${id} names ${name} ${count} times`)
      }
    }
  })
})

test('nothing is read for a call that the policies in force cannot concern', async t => {
  const server = await openHttp()
  t.after(() => server.close())
  await server.agent(INVOICE)
  await server.agent({ ...INVOICE, tenant: 'globex' })
  const { pipeline, policies } = server
  let reads = 0
  const store = {
    ...{ write: pipeline.store.write.bind(pipeline.store), urgent: pipeline.store.urgent.bind(pipeline.store) },
    read: <T>(step: () => Step<T>) => {
      reads++
      return pipeline.store.read(step)
    },
  }
  const judge = createJudge({ ...pipeline, store, policies, clock: server.clock })
  const [caller] = callersOf('api-key') as [Caller]
  const readsFor = async (id: RouteId, tenant: string | undefined, params: Readonly<Record<string, string>> = {}) => {
    reads = 0
    const parts = { params, query: undefined, body: undefined }
    const named = { tenant, agent: tenant && 'invoice', parts }
    await judge({ id, route: routes[id], caller, ...named, source: '192.0.2.7', requestId: 'r' })
    return reads
  }
  assert.deepEqual([await readsFor('getAgent', 'acme'), await readsFor('getEntry', undefined, { id: ID })], [0, 0])
  const admin = await server.apiKey('admin')
  const body = { policies: 'permit (principal, action, resource);', tenant: 'acme' }
  const { version } = (await server.call('POST /v1/policies', { token: admin, body })).body
  await server.call(`POST /v1/policies/${version}/activate`, { token: admin, body: { tenant: 'acme' } })
  assert.deepEqual([await readsFor('getAgent', 'acme'), await readsFor('getAgent', 'globex')], [1, 0])
  assert.deepEqual([await readsFor('listAgents', undefined), await readsFor('getEntry', undefined, { id: ID })], [0, 1])
})
