import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { serverConfig } from '../config.ts'
import type { CallOptions, ClientTls } from '../testing/client.ts'
import { ClientAuthority } from '../testing/client-authority.ts'
import { FORWARDED } from '../testing/forwarding.ts'
import { type Held, type HttpHarness, openHttp } from '../testing/http.ts'
import { bySecret, SecretAgent } from '../testing/secrets.ts'
import { readProxyTrust } from './trust.ts'

// An agent behind a proxy that proves itself: the secret comes in the request, the certificate in the proxy's header.

const company = ClientAuthority.root()
const KEY = { tenant: 'acme', agent: 'planner' }
const PROXY = { tenant: 'ops', agent: 'proxy' }
const trust = { format: 'rfc9440' as const, spiffe_ids: ['spiffe://example.test/tenant/ops/agent/proxy'] }

let server: HttpHarness
let proxy: Held
let secret: string

before(async () => {
  server = await openHttp({
    limits: { rate_per_minute: 0 },
    parts: parts => ({
      ...parts,
      proxies: readProxyTrust(serverConfig({ proxy: trust }).proxy),
      admission: { agentMtlsRequired: true, agentMtlsCa: [company.certificate], dnsSuffix: 'agents.test' },
    }),
  })
  for (const key of [KEY, PROXY]) await server.agent(key)
  proxy = await server.certificate(PROXY)
  secret = (await new SecretAgent(server, await server.apiKey('admin'), KEY).create()).secret
})
after(() => server.close())

/** A session as it comes on this connection, with these headers of a proxy. */
async function session(tls: ClientTls | undefined, headers: NonNullable<CallOptions['headers']>) {
  const { status, body } = await server.call('POST /v1/agent/session', bySecret(secret, tls, { headers, body: KEY }))
  return status === 200 ? 'opened' : `${status} ${body.code}`
}

const host = (name: string) => FORWARDED.rfc9440(company.client({ names: { dns: [name] } }).cert)

test('the certificate that a trusted proxy forwards is the second factor', async () => {
  assert.equal(await session(proxy, host('planner.acme.agents.test')), 'opened')
  assert.equal(await session(proxy, FORWARDED.rfc9440((await server.certificate(KEY)).cert)), 'opened')
})

test('it is judged as on a connection of its own', async () => {
  assert.equal(await session(proxy, host('other.acme.agents.test')), '401 factor_mismatch')
  const strangers = ClientAuthority.root('Strangers').client({ names: { dns: ['planner.acme.agents.test'] } })
  assert.equal(await session(proxy, FORWARDED.rfc9440(strangers.cert)), '401 factor_untrusted')
})

// Else every agent behind the proxy would have the proxy's certificate as its second factor, or nobody could be behind
// it.
test('the certificate of the proxy is no factor', async () => {
  assert.equal(await session(proxy, {}), '401 factor_missing')
})

test('from anybody else the header is refused, whatever else comes along', async () => {
  const headers = host('planner.acme.agents.test')
  const own = company.client({ names: { dns: ['planner.acme.agents.test'] } })
  for (const tls of [undefined, own, await server.certificate(KEY)])
    assert.equal(await session(tls, headers), '400 proxy_header_untrusted')
})
