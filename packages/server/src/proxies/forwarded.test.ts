import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Route, routes } from '@lanyard/api'
import { generateKeyNow } from '@lanyard/protocol/node'
import { PROXY_FORMATS, type ServerConfigInput, serverConfig } from '../config.ts'
import type { Answer, CallOptions, ClientTls } from '../testing/client.ts'
import { costlyChain, selfSigned } from '../testing/foreign-certificates.ts'
import { FORWARDED } from '../testing/forwarding.ts'
import { csrOf, type Held, type HttpHarness, openHttp } from '../testing/http.ts'
import { joinNode } from '../testing/nodes.ts'
import { KNOWN_HEADERS } from './headers.ts'
import { readProxyTrust } from './trust.ts'

const PROXY = { tenant: 'ops', agent: 'proxy' }
const PROXY_ID = 'spiffe://example.test/tenant/ops/agent/proxy'
const bySvid = { spiffe_ids: [PROXY_ID] }

const open = (proxy: ServerConfigInput['proxy']) =>
  openHttp({
    limits: { rate_per_minute: 0 },
    parts: parts => ({ ...parts, proxies: readProxyTrust(serverConfig({ proxy }).proxy) }),
  })

/** A server with a proxy, and an agent behind it. */
class Stage {
  readonly server: HttpHarness
  readonly admin: string
  readonly proxy: Held
  names = 0

  private constructor(server: HttpHarness, admin: string, proxy: Held) {
    this.server = server
    this.admin = admin
    this.proxy = proxy
  }

  static async open(proxy: ServerConfigInput['proxy']): Promise<Stage> {
    const server = await open(proxy)
    await server.agent(PROXY)
    return new Stage(server, await server.apiKey('admin'), await server.certificate(PROXY))
  }

  async agent(): Promise<{ readonly name: string; readonly held: Held }> {
    const name = `a${++this.names}`
    await this.server.agent({ tenant: 'acme', agent: name })
    return { name, held: await this.server.certificate({ tenant: 'acme', agent: name }) }
  }

  whoami(headers: CallOptions['headers'] = {}, tls: ClientTls | undefined = this.proxy): Promise<Answer> {
    return this.server.call('GET /v1/whoami', { tls, headers })
  }

  async change(name: string, body: object): Promise<void> {
    const { status, text } = await this.server.call(`PATCH /v1/agents/acme/${name}`, { token: this.admin, body })
    assert.equal(status, 200, text)
  }
}

const codeOf = ({ body }: Answer) => body.code
const accepting =
  (kind: string) =>
  ({ auth }: Route) =>
    auth.kind === 'identity' && (auth.accepts as readonly string[]).includes(kind)
const rfc = (held: Held) => FORWARDED.rfc9440(held.cert)

describe('without a trusted proxy', () => {
  let stage: Stage
  before(async () => {
    stage = await Stage.open({})
  })
  after(() => stage.server.close())

  test('every header that a proxy may set is refused, whoever sends it and with whatever', async () => {
    const { held } = await stage.agent()
    for (const name of KNOWN_HEADERS)
      for (const options of [{}, { tls: held }, { token: stage.admin }, { token: stage.admin, tls: held }])
        for (const written of [name, name.toUpperCase()]) {
          const answer = await stage.server.call('GET /v1/whoami', { ...options, headers: { [written]: 'x' } })
          assert.deepEqual([answer.status, codeOf(answer)], [400, 'proxy_header_untrusted'], name)
        }
  })

  test('at every route, also where nobody needs a credential', async () => {
    for (const { call } of Object.values<Route>(routes)) {
      const { body } = await stage.server.call(call.replaceAll(/\{\w+\}/g, 'x'), { headers: { 'Client-Cert': 'x' } })
      assert.equal(body?.code, 'proxy_header_untrusted', call)
    }
  })
})

describe('behind a proxy with an SVID', () => {
  for (const format of PROXY_FORMATS)
    test(`an agent is known by format ${format}, and nothing of the reply is kept`, async t => {
      const stage = await Stage.open({ format, ...bySvid })
      t.after(() => stage.server.close())
      const { name, held } = await stage.agent()
      for (let i = 0; i < 2; i++) {
        const { status, headers, body, text } = await stage.whoami(FORWARDED[format](held.cert))
        assert.equal(status, 200, text)
        assert.deepEqual([body.kind, body.agent], ['agent-certificate', name])
        assert.equal(headers['cache-control'], 'no-store')
      }
      for (const other of PROXY_FORMATS) {
        const headers = FORWARDED[other](held.cert)
        const names = Object.keys(headers).join() === Object.keys(FORWARDED[format](held.cert)).join()
        if (!names) assert.equal(codeOf(await stage.whoami(headers)), 'proxy_header_untrusted', other)
        else if (other !== format) assert.equal(codeOf(await stage.whoami(headers)), 'proxy_header_invalid', other)
      }
    })

  describe('by RFC 9440', () => {
    let stage: Stage
    before(async () => {
      stage = await Stage.open({ format: 'rfc9440', ...bySvid })
    })
    after(() => stage.server.close())

    test('nobody else is believed, least of all by the own certificate', async () => {
      const [alice, bob] = [await stage.agent(), await stage.agent()]
      assert.equal(codeOf(await stage.whoami(rfc(alice.held), bob.held)), 'proxy_header_untrusted')
      assert.equal(codeOf(await stage.whoami(rfc(alice.held), alice.held)), 'proxy_header_untrusted')
      const bare = await stage.server.call('GET /v1/whoami', { headers: rfc(alice.held) })
      assert.equal(codeOf(bare), 'proxy_header_untrusted')
    })

    test('nor who only says that it is the proxy', async () => {
      const { held } = await stage.agent()
      const impostor = await selfSigned(PROXY_ID)
      assert.equal(codeOf(await stage.whoami(rfc(held), impostor)), 'proxy_header_untrusted')
    })

    test('the proxy is never the caller: without a header its client has shown no certificate', async () => {
      assert.equal(codeOf(await stage.whoami()), 'unauthenticated')
      const csr = await csrOf(generateKeyNow('P-256'))
      const stolen = await stage.server.call('POST /v1/agent/auth/cert', { tls: stage.proxy, body: { csr } })
      assert.equal(codeOf(stolen), 'unauthenticated')
      const { status, body } = await stage.server.call('GET /v1/whoami', { tls: stage.proxy, token: stage.admin })
      assert.deepEqual([status, body.kind], [200, 'api-key'])
    })

    test('nor when another proxy forwards it, which knows nothing of its client', async () => {
      assert.equal(codeOf(await stage.whoami(rfc(stage.proxy))), 'proxy_header_invalid')
    })

    test('two of one header are refused, lines of a list are one list', async () => {
      const { name, held } = await stage.agent()
      const { 'Client-Cert': leaf, 'Client-Cert-Chain': chain } = rfc(held) as Record<string, string>
      assert.equal(codeOf(await stage.whoami({ 'Client-Cert': [leaf!, leaf!] })), 'proxy_header_invalid')
      const split = await stage.whoami({ 'Client-Cert': leaf!, 'Client-Cert-Chain': [chain!, chain!] })
      assert.equal(split.body.agent, name)
      const many = Array.from({ length: 12 }, () => ':AAAA:')
      const long = await stage.whoami({ 'Client-Cert': leaf!, 'Client-Cert-Chain': many })
      assert.equal(codeOf(long), 'proxy_header_invalid')
      assert.equal(codeOf(await stage.whoami({ 'Client-Cert-Chain': chain! })), 'proxy_header_invalid')
    })

    const INVALID: readonly (readonly [value: string, code: string, why: string])[] = [
      ['', 'proxy_header_invalid', 'nothing'],
      ['x', 'proxy_header_invalid', 'no byte sequence'],
      ['::', 'proxy_header_invalid', 'no bytes'],
      [':AAAA:', 'certificate_untrusted', 'bytes that are no certificate'],
    ]
    for (const [value, code, why] of INVALID)
      test(`${code}: ${why}`, async () => assert.equal(codeOf(await stage.whoami({ 'Client-Cert': value })), code))

    test('the chain is judged by us', async () => {
      const strangers = await selfSigned('spiffe://example.test/tenant/acme/agent/a1')
      assert.equal(codeOf(await stage.whoami(FORWARDED.rfc9440(strangers.cert))), 'certificate_untrusted')
    })

    test('keys that exist to be dear are not verified', async () => {
      for (const length of [3, 9])
        assert.equal(codeOf(await stage.whoami(FORWARDED.rfc9440(costlyChain(length).cert))), 'certificate_untrusted')
    })

    test('so are life, liveness and record', async () => {
      const { name, held } = await stage.agent()
      await stage.change(name, { lifecycle: 'quarantined' })
      assert.equal(codeOf(await stage.whoami(rfc(held))), 'agent_quarantined')
      const revoked = await stage.agent()
      const body = { serial: revoked.held.serial, reason: 'x' }
      await stage.server.call('POST /v1/agent/auth/revoke', { token: stage.admin, body })
      assert.equal(codeOf(await stage.whoami(rfc(revoked.held))), 'certificate_revoked')
    })

    test('a forwarded certificate renews nothing, a token issues', async () => {
      const { name, held } = await stage.agent()
      const body = { csr: await csrOf(generateKeyNow('P-256')) }
      const call = 'POST /v1/agent/auth/cert'
      const renewal = await stage.server.call(call, { tls: stage.proxy, headers: rfc(held), body })
      assert.deepEqual([renewal.status, codeOf(renewal)], [403, 'proxy_forbidden'])
      const token = await stage.server.token({ tenant: 'acme', agent: name })
      assert.equal((await stage.server.call(call, { tls: stage.proxy, token, body })).status, 201)
      const renewed = await stage.server.call('POST /v1/node/renew', { tls: stage.proxy, headers: rfc(held) })
      assert.equal(codeOf(renewed), 'proxy_forbidden')
    })

    test('the certificate of a node is never forwarded: it is asked for those of its workloads', async () => {
      const { cert } = await joinNode(stage.server, { name: 'web-1' })
      for (const { call } of Object.values<Route>(routes).filter(accepting('node-certificate'))) {
        const answer = await stage.server.call(call, { tls: stage.proxy, headers: FORWARDED.rfc9440(cert) })
        assert.equal(codeOf(answer), 'proxy_forbidden', call)
      }
    })

    test('a forwarded certificate and a bearer must be of one', async () => {
      const [alice, bob] = [await stage.agent(), await stage.agent()]
      const token = await stage.server.token({ tenant: 'acme', agent: alice.name })
      const ask = (held: Held) => stage.server.call('GET /v1/whoami', { tls: stage.proxy, headers: rfc(held), token })
      assert.equal((await ask(alice.held)).body.agent, alice.name)
      assert.equal(codeOf(await ask(bob.held)), 'credential_conflict')
    })

    test('a certificate that has ended is refused, and so is the word of a proxy whose own has', async () => {
      const { held } = await stage.agent()
      stage.server.clock.advance(400)
      const late = await stage.whoami(rfc(held))
      assert.equal(codeOf(late), 'proxy_header_untrusted')
      const proxy = await stage.server.certificate(PROXY)
      assert.equal(codeOf(await stage.whoami(rfc(held), proxy)), 'certificate_expired')
    })
  })

  test('a dead proxy speaks for nobody', async t => {
    const stage = await Stage.open({ format: 'rfc9440', ...bySvid })
    t.after(() => stage.server.close())
    const { held } = await stage.agent()
    const body = { reason: 'taken over', scope: 'agent' }
    const killed = await stage.server.call('POST /v1/agents/ops/proxy/kill', { token: stage.admin, body })
    assert.equal(killed.status, 202, killed.text)
    assert.equal(codeOf(await stage.whoami(rfc(held))), 'proxy_header_untrusted')
  })
})

describe('behind a load balancer that is known by its address alone', () => {
  test('whoever sends from there is believed, and nobody else', async t => {
    const stage = await Stage.open({ format: 'alb', dangerously_trust_addresses: ['127.0.0.0/8'] })
    t.after(() => stage.server.close())
    const { name, held } = await stage.agent()
    const headers = FORWARDED.alb(held.cert)
    assert.equal((await stage.server.call('GET /v1/whoami', { headers })).body.agent, name)
    // Without a header, a certificate of the connection is its own: agents reach us directly too.
    assert.equal((await stage.whoami({}, held)).body.agent, name)
    const elsewhere = await Stage.open({ format: 'alb', dangerously_trust_addresses: ['10.0.0.0/8'] })
    t.after(() => elsewhere.server.close())
    assert.equal(codeOf(await elsewhere.server.call('GET /v1/whoami', { headers })), 'proxy_header_untrusted')
  })
})
