import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ClientHttp2Session, connect } from 'node:http2'
import { after, before, describe, test } from 'node:test'
import { KNOWN_HEADERS } from '../../../packages/server/src/proxies/headers.ts'
import type { Answer } from '../../../packages/server/src/testing/client.ts'
import { FORWARDED } from '../../../packages/server/src/testing/forwarding.ts'
import { closed, headOf } from '../../../packages/server/src/testing/http2.ts'
import { agentKey } from '../../support/agent-key.ts'
import type { Credential } from '../../support/credential.ts'
import type { ProxyStage } from './stage.ts'

export interface TriedProxy {
  readonly name: string
  readonly format: keyof typeof FORWARDED
  /** The stage with the proxy running. */
  start(): Promise<ProxyStage>
  /** It proves itself by its SVID. */
  readonly byOwn: boolean
  readonly skip?: string | false
}

const codeOf = ({ body }: Answer) => body?.code

/** What must hold behind every proxy, each as the guide sets it up. */
export function proxySuite({ name, format, start, byOwn, skip = false }: TriedProxy): void {
  describe(name, { skip }, () => {
    let stage: ProxyStage
    before(async () => {
      stage = await start()
    })
    after(() => stage?.close())
    const whoami = (tls?: Credential, headers = {}) => stage.call('GET /v1/whoami', { tls, headers })
    const kill = (tenant: string, agent: string) =>
      stage.up.call('POST', `/v1/agents/${tenant}/${agent}/kill`, { reason: 'x', scope: 'agent' })

    test('an agent is known by its certificate, and nothing of the reply is kept', async () => {
      const agent = await stage.agent()
      for (let i = 0; i < 3; i++) {
        const { status, body, headers, text } = await whoami(agent)
        assert.equal(status, 200, text)
        assert.deepEqual(
          [body.kind, body.agent, headers['cache-control']],
          ['agent-certificate', agent.name, 'no-store'],
        )
      }
    })

    test('without a certificate nobody is anybody, and an API key is itself', async () => {
      assert.equal(codeOf(await whoami()), 'unauthenticated')
      const { csrPem } = await agentKey('P-256')
      const issued = await stage.call('POST /v1/agent/auth/cert', { body: { csr: csrPem } })
      assert.equal(codeOf(issued), 'unauthenticated')
      const { status, body } = await stage.call('GET /v1/whoami', { token: stage.up.adminKey })
      assert.deepEqual([status, body.kind], [200, 'api-key'])
    })

    test('what a client writes into the header is not believed', async () => {
      const [victim, thief] = [await stage.agent(), await stage.agent()]
      const forged = FORWARDED[format](victim.cert)
      assert.notEqual((await whoami(undefined, forged)).status, 200)
      const answer = await whoami(thief, forged)
      if (answer.status === 200) assert.equal(answer.body.agent, thief.name)
      else assert.match(codeOf(answer), /^proxy_header_/)
      const [own] = Object.keys(forged)
      const twice = await whoami(thief, { [own!]: [forged[own!]!, forged[own!]!] })
      if (twice.status === 200) assert.equal(twice.body.agent, thief.name)
    })

    test('the header of another kind of proxy is refused', async () => {
      const agent = await stage.agent()
      const own = Object.keys(FORWARDED[format](agent.cert)).map(each => each.toLowerCase())
      for (const header of KNOWN_HEADERS.filter(each => !own.includes(each))) {
        const { status, body } = await whoami(agent, { [header]: 'x' })
        assert.deepEqual([status, body.code], [400, 'proxy_header_untrusted'], header)
      }
    })

    test('past the proxy the header is refused', async () => {
      const agent = await stage.agent()
      const answer = await stage.direct('GET /v1/whoami', { tls: agent, headers: FORWARDED[format](agent.cert) })
      assert.equal(codeOf(answer), 'proxy_header_untrusted')
    })

    test('nothing is renewed through it, and a token issues', async () => {
      const agent = await stage.agent()
      const body = { csr: (await agentKey('P-256')).csrPem }
      const call = 'POST /v1/agent/auth/cert'
      assert.equal(codeOf(await stage.call(call, { tls: agent, body })), 'proxy_forbidden')
      assert.equal((await stage.direct(call, { tls: agent, body })).status, 201)
      const { token } = await stage.token('acme', agent.name)
      assert.equal((await stage.call(call, { token, body: { csr: (await agentKey('P-256')).csrPem } })).status, 201)
    })

    test('a death counts at the next call of an open connection, and ends the feed', async () => {
      const [agent, other] = [await stage.agent(), await stage.agent()]
      const session = http2(stage, agent)
      const feed = session.request({ ':path': '/v1/feed' })
      const ended = closed(feed)
      assert.equal((await headOf(feed))[':status'], 200)
      await once(feed, 'data')
      feed.resume()
      await kill('acme', agent.name)
      await ended
      const refused = session.request({ ':path': '/v1/whoami' })
      assert.equal((await headOf(refused))[':status'], 403)
      session.destroy()
      assert.equal((await whoami(other)).status, 200)
    })

    if (byOwn)
      test('once the proxy is killed, it speaks for nobody', async () => {
        const agent = await stage.agent()
        await kill('infra', 'edge')
        const first = await whoami(agent)
        // It may take the very connection that is being cut, and then speaks of that itself.
        const answer = first.status === 502 || first.status === 503 ? await whoami(agent) : first
        assert.equal(codeOf(answer), 'proxy_header_untrusted')
        assert.equal((await stage.direct('GET /v1/whoami', { tls: agent })).status, 200)
      })
  })
}

function http2(stage: ProxyStage, { key, cert }: Credential): ClientHttp2Session {
  const url = `https://127.0.0.1:${stage.port}`
  const session = connect(url, { servername: 'localhost', ca: stage.publicPem, key, cert })
  return session.on('error', () => {})
}
