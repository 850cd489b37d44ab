import assert from 'node:assert/strict'
import { type ClientHttp2Session, connect } from 'node:http2'
import { after, before, describe, test } from 'node:test'
import { serverConfig } from '../config.ts'
import { FORWARDED } from '../testing/forwarding.ts'
import { type Held, type HttpHarness, openHttp } from '../testing/http.ts'
import { closed, headOf } from '../testing/http2.ts'
import { readProxyTrust } from './trust.ts'

describe('streams on the connection of a proxy', () => {
  let server: HttpHarness
  let admin: string
  before(async () => {
    const settings = {
      format: 'rfc9440' as const,
      spiffe_ids: ['proxy', 'lb'].map(agent => `spiffe://example.test/tenant/ops/agent/${agent}`),
    }
    const proxies = readProxyTrust(serverConfig({ proxy: settings }).proxy)
    server = await openHttp({ parts: parts => ({ ...parts, proxies }) })
    admin = await server.apiKey('admin')
  })
  after(() => server.close())

  const held = async (tenant: string, agent: string): Promise<Held> => {
    await server.agent({ tenant, agent })
    return await server.certificate({ tenant, agent })
  }
  const connectAs = ({ key, cert }: Held): ClientHttp2Session => {
    const session = connect(`https://127.0.0.1:${server.port}`, {
      servername: 'localhost',
      ca: server.rootPem,
      key,
      cert,
    })
    return session.on('error', () => {})
  }
  const ask = async (session: ClientHttp2Session, path: string, of: Held) => {
    const stream = session.request({ ':path': path, ...FORWARDED.rfc9440(of.cert) })
    const over = closed(stream)
    return { stream, over, status: (await headOf(stream))[':status'] }
  }
  const kill = async (tenant: string, agent: string) => {
    const body = { reason: 'x', scope: 'agent' }
    assert.equal((await server.call(`POST /v1/agents/${tenant}/${agent}/kill`, { token: admin, body })).status, 202)
    await server.feed.turn()
  }

  test('end when their agent dies, and the connection goes on for the others', async () => {
    const session = connectAs(await held('ops', 'proxy'))
    const [alice, bob] = [await held('acme', 'alice'), await held('acme', 'bob')]
    const ofAlice = await ask(session, '/v1/feed', alice)
    const ofBob = await ask(session, '/v1/feed', bob)
    assert.deepEqual([ofAlice.status, ofBob.status], [200, 200])
    for (const { stream } of [ofAlice, ofBob]) stream.resume()
    await kill('acme', 'alice')
    await ofAlice.over
    assert.equal((await ask(session, '/v1/whoami', alice)).status, 403)
    assert.equal((await ask(session, '/v1/whoami', bob)).status, 200)
    assert.deepEqual([ofBob.stream.closed, session.closed], [false, false])
    const gone = closed(session)
    await kill('ops', 'proxy')
    await Promise.all([ofBob.over, gone])
  })

  test('are as many for each, and whoever takes more than a few takes none of another', async t => {
    const session = connectAs(await held('ops', 'lb'))
    t.after(() => session.destroy())
    const [greedy, modest] = [await held('globex', 'greedy'), await held('acme', 'modest')]
    for (let at = 0; at < 4; at++) assert.equal((await ask(session, '/v1/feed', greedy)).status, 200)
    assert.equal((await ask(session, '/v1/feed', greedy)).status, 429)
    assert.equal((await ask(session, '/v1/feed', modest)).status, 200)
  })
})
