import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { adminCalls } from '../testing/admin-calls.ts'
import { type Held, type HttpHarness, openHttp } from '../testing/http.ts'

const ALL = 'permit (principal, action, resource);'

describe('policies for the guard of an agent', () => {
  let server: HttpHarness
  let admin: string
  let invoice: Held
  const { ok } = adminCalls(
    () => server,
    () => admin,
  )

  before(async () => {
    server = await openHttp()
    admin = await server.apiKey('admin')
    for (const tenant of ['acme', 'globex']) await server.agent({ tenant, agent: 'invoice' })
    invoice = await server.certificate({ tenant: 'acme', agent: 'invoice' })
  })
  after(() => server.close())

  const activate = async (policies: string, tenant?: string) => {
    const { version } = await ok('POST /v1/policies', 201, { policies, tenant })
    await ok(`POST /v1/policies/${version}/activate`, 200, { tenant })
  }
  const read = (after?: number) =>
    server.call(`GET /v1/agent/policies${after === undefined ? '' : `?after=${after}`}`, { tls: invoice })
  /** Asks for what comes after a revision; back once that waits. */
  const wait = async (after: number, by = read, { policies } = server) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const { onChange } = policies
    policies.onChange = listener => {
      resolve()
      return onChange.call(policies, listener)
    }
    const answer = by(after).catch(() => null)
    await Promise.race([promise, answer])
    policies.onChange = onChange
    return { answer }
  }

  test('are those of the trust domain and of its own tenant, as they were read', async () => {
    assert.deepEqual((await read()).body.sets, [])
    await activate(ALL)
    await activate(`// of acme\n${ALL}`, 'acme')
    await activate(`// of globex\n${ALL}`, 'globex')
    const { body } = await read()
    assert.deepEqual(
      body.sets.map(({ tenant, version, policies }: Record<string, unknown>) => [tenant, version, policies]),
      [
        [null, 1, ALL],
        ['acme', 1, `// of acme\n${ALL}`],
      ],
    )
    assert.equal(Date.parse(body.as_of), server.policies.seen.at)
    assert.equal(body.revision, server.policies.seen.revision)
    // Whoever has another revision, also one that never was, waits for nothing.
    assert.equal((await read(body.revision - 1)).body.revision, body.revision)
    assert.equal((await read(body.revision + 9)).body.revision, body.revision)
  })

  test('do not come when only those of another tenant change', async () => {
    const { revision } = (await read()).body
    const waiting = await wait(revision)
    await activate(`// more\n${ALL}`, 'globex')
    const between = server.policies.seen.revision
    await read()
    await activate(`// more\n${ALL}`, 'acme')
    assert.ok((await waiting.answer)!.body.revision > between)
  })

  test('come when they change, to whoever waits', async () => {
    const { revision } = (await read()).body
    const waiting = await wait(revision)
    await activate(`// again\n${ALL}`, 'acme')
    const { body } = (await waiting.answer)!
    assert.ok(body.revision > revision)
    assert.match(body.sets[1].policies, /again/)
  })

  test('come to nobody who died while waiting, and to no API key', async () => {
    assert.equal((await server.call('GET /v1/agent/policies', { token: admin })).body.code, 'unauthenticated')
    const { revision } = (await read()).body
    const waiting = await wait(revision)
    await ok('POST /v1/agents/acme/invoice/kill', 202, { reason: 'x' })
    await activate(ALL)
    const answer = await waiting.answer
    // The connection may be cut before the refusal is written.
    assert.equal(answer === null ? 'agent_quarantined' : answer.body.code, 'agent_quarantined')
  })

  test('let whoever waits go when the server stops', async () => {
    const other = await openHttp()
    await other.agent({ tenant: 'acme', agent: 'invoice' })
    const tls = await other.certificate({ tenant: 'acme', agent: 'invoice' })
    const by = (after?: number) => other.call(`GET /v1/agent/policies?after=${after}`, { tls })
    const waiting = await wait(other.policies.seen.revision, by, other)
    await other.http.close(60_000)
    assert.equal((await waiting.answer)?.status, 200)
    await other.close()
  })
})
