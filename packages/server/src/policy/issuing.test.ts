import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { generateKeyNow } from '@lanyard/protocol/node'
import { adminCalls } from '../testing/admin-calls.ts'
import { csrOf, type HttpHarness, openHttp } from '../testing/http.ts'
import { type HeldNode, joinNode } from '../testing/nodes.ts'

const INVOICE = { tenant: 'acme', agent: 'invoice' }

describe('issuing under policies', () => {
  let server: HttpHarness
  let admin: string
  let node: HeldNode
  let entry: string
  const { ok, call } = adminCalls(
    () => server,
    () => admin,
  )

  before(async () => {
    server = await openHttp({ limits: { rate_per_minute: 0 } })
    admin = await server.apiKey('admin')
    await server.agent(INVOICE)
    node = await joinNode(server, { name: 'n1', tenant: 'acme', groups: ['linux'] })
    entry = (await ok('POST /v1/entries', 201, { ...INVOICE, selectors: ['unix:uid:1'] })).id
  })
  after(() => server.close())

  /** Nothing is issued where this holds. */
  async function forbid(when: string): Promise<void> {
    const policies = `permit (principal, action, resource);
      @id("x") forbid (principal, action == Lanyard::Action::"issue", resource) when { ${when} };`
    const { version } = await ok('POST /v1/policies', 201, { policies, tenant: 'acme' })
    await ok(`POST /v1/policies/${version}/activate`, 200, { tenant: 'acme' })
  }

  const csr = () => csrOf(generateKeyNow('P-256'))
  const asNode = {
    token: undefined,
    get tls() {
      return node
    },
  }
  /** What each door answers: its status, or the code of the refusal. */
  async function doors(): Promise<Record<string, unknown>> {
    const token = await server.token(INVOICE)
    const answers = {
      bootstrap: await call('POST /v1/agent/bootstrap', INVOICE),
      csr: await call('POST /v1/agent/auth/cert', { csr: await csr(), ttl_sec: 120 }, { token }),
      workload: await call('POST /v1/node/svids/x509', { entry, csr: await csr() }, asNode),
      jwt: await call('POST /v1/node/svids/jwt', { entry, audience: ['billing'] }, asNode),
      wit: await call('POST /v1/node/svids/wit', { entry, csr: await csr() }, asNode),
    }
    return Object.fromEntries(Object.entries(answers).map(([door, { status, body }]) => [door, body.code ?? status]))
  }

  const OPEN = { bootstrap: 200, csr: 201, workload: 201, jwt: 201, wit: 201 }
  const denied = (...names: (keyof typeof OPEN)[]) => ({
    ...OPEN,
    ...Object.fromEntries(names.map(name => [name, 'policy_denied'])),
  })

  test('knows each door, and what comes through it', async () => {
    assert.deepEqual(await doors(), OPEN)
    for (const [when, expected] of [
      ['false', OPEN],
      ['true', denied('bootstrap', 'csr', 'workload', 'jwt', 'wit')],
      ...(['bootstrap', 'csr', 'workload', 'jwt', 'wit'] as const).map(
        door => [`context has door && context.door == "${door}"`, denied(door)] as const,
      ),
      ['principal is Lanyard::Node', denied('workload', 'jwt', 'wit')],
      [
        'principal is Lanyard::Node && principal has groups && principal.groups.contains("linux")',
        denied('workload', 'jwt', 'wit'),
      ],
      [`context has node && context.node == Lanyard::Node::"${node.reply.node}"`, denied('workload', 'jwt', 'wit')],
      ['principal is Lanyard::Agent && principal == resource', denied('csr')],
      ['principal is Lanyard::ApiKey', denied('bootstrap')],
      [
        'context has key_type && context.key_type == "P-256" && context has key_bits && context.key_bits == 256',
        denied('csr', 'workload', 'wit'),
      ],
      ['context has ttl_sec && context.ttl_sec < 300', denied('csr')],
      ['context has lineage_age_sec && context.lineage_age_sec < 1000', denied('csr', 'workload', 'jwt', 'wit')],
      ['context has lineage_age_sec && context.lineage_age_sec > 1000', OPEN],
      ['context has tier && context.tier == "silver"', denied('csr', 'workload', 'jwt', 'wit')],
      ['context has provenance && context.provenance != "internal"', OPEN],
      ['context has source && context.source.isLoopback()', denied('bootstrap', 'csr', 'workload', 'jwt', 'wit')],
      ['context has source && context.source.isInRange(ip("192.0.2.0/24"))', OPEN],
    ] as const) {
      await forbid(when)
      assert.deepEqual(await doors(), expected, when)
    }
  })

  test('leaves nothing behind of what it denied', async () => {
    await forbid('true')
    const count = async () => {
      const { items } = await server.pipeline.store.read(() =>
        server.pipeline.rows.certificates.list(
          { tenant: 'acme', now: server.clock.now() },
          { limit: 500, after: null },
        ),
      )
      const opened = (await ok('GET /v1/events?tenant=acme&type=agent.bootstrapped&limit=500', 200)).items
      return [items.length, opened.length]
    }
    const [certificates, lineages] = await count()
    await doors()
    // The token that a test makes for itself, past the doors, opens one.
    assert.deepEqual(await count(), [certificates, lineages! + 1])
  })
})
