import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { serverConfig } from '../config.ts'
import type { Answer, ClientTls } from '../testing/client.ts'
import { ClientAuthority } from '../testing/client-authority.ts'
import { FORWARDED } from '../testing/forwarding.ts'
import { type Held, type HttpHarness, openHttp } from '../testing/http.ts'
import { People } from '../testing/people.ts'
import { SecretAgent } from '../testing/secrets.ts'
import { readProxyTrust } from './trust.ts'

const company = ClientAuthority.root()
const PROXY = { tenant: 'ops', agent: 'proxy' }
const codeOf = ({ body }: Answer) => body?.code

describe('behind a proxy', () => {
  let server: HttpHarness
  let admin: string
  let proxy: Held
  let names = 0
  const people = new People(
    () => server,
    () => admin,
  )
  before(async () => {
    const settings = { format: 'rfc9440' as const, spiffe_ids: ['spiffe://example.test/tenant/ops/agent/proxy'] }
    const proxies = readProxyTrust(serverConfig({ proxy: settings }).proxy)
    const admission = { agentMtlsRequired: true, agentMtlsCa: [company.certificate], dnsSuffix: 'agents.test' }
    server = await openHttp({ parts: parts => ({ ...people.parts(parts), proxies, admission }) })
    admin = await server.apiKey('admin')
    await server.agent(PROXY)
    proxy = await server.certificate(PROXY)
  })
  after(() => server.close())

  const forwarded = ({ cert }: ClientTls) => FORWARDED.rfc9440(cert)

  test('an operator is who the certificate is bound as', async () => {
    const subject = 'ada'
    await people.bind({ kind: 'certificate', value: `dn:CN=${subject}` }, 'auditor')
    const tls = people.certificate(subject).tls!
    const ask = (headers: Record<string, string>) => server.call('GET /v1/whoami', { tls: proxy, headers })
    const { body, text } = await ask({ ...forwarded(tls) })
    assert.equal(body.kind, 'principal', text)
    const stranger = ClientAuthority.root('Operators of Acme').client({ subject })
    assert.equal(codeOf(await ask({ ...forwarded(stranger) })), 'certificate_untrusted')
    const unbound = people.certificate('eve').tls!
    assert.equal(codeOf(await ask({ ...forwarded(unbound) })), 'principal_unbound')
  })

  test('the second factor of an agent is the certificate that is forwarded, and never the one of the proxy', async () => {
    const key = { tenant: 'acme', agent: `a${++names}` }
    await server.agent(key)
    const { secret } = await new SecretAgent(server, admin, key).create()
    const session = (headers: Record<string, string>) =>
      server.call('POST /v1/agent/session', {
        tls: proxy,
        headers: { ...headers, authorization: `Lanyard-Secret ${secret}` },
        body: key,
      })
    assert.equal((await session({ ...forwarded(await server.certificate(key)) })).status, 200)
    const host = `${key.agent}.acme.agents.test`
    assert.equal((await session({ ...forwarded(company.client({ names: { dns: [host] } })) })).status, 200)
    const other = company.client({ names: { dns: ['b.acme.agents.test'] } })
    assert.equal(codeOf(await session({ ...forwarded(other) })), 'factor_mismatch')
    assert.equal(codeOf(await session({})), 'factor_missing')
  })
})
