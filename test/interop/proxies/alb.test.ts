import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Answer } from '../../../packages/server/src/testing/client.ts'
import { FORWARDED } from '../../../packages/server/src/testing/forwarding.ts'
import type { Credential } from '../../support/credential.ts'
import { ProxyStage, snippets } from './stage.ts'

// Nobody runs a load balancer of AWS in a test. What it sends stands in its documentation ("HTTP headers and mutual
// TLS"): the names, the URL-encoding with + / = as they are, and the forms of serial number, names and validity.

const [passthrough, verify] = snippets('## AWS Application Load Balancer', 'yaml')
const here = (settings: string) => settings.replace('10.20.0.0/28', '127.0.0.0/8')
const codeOf = ({ body }: Answer) => body?.code

for (const [format, settings] of [
  ['alb', passthrough],
  ['alb-verify', verify],
] as const)
  describe(`headers of AWS, format ${format}`, () => {
    let stage: ProxyStage
    let agent: Credential & { readonly name: string }
    before(async () => {
      stage = await ProxyStage.open(here(settings!))
      agent = await stage.agent()
    })
    after(() => stage?.close())
    const ask = (headers: Readonly<Record<string, string | string[]>>, call = 'GET /v1/whoami') =>
      stage.direct(call, { headers })

    test('an agent is known', async () => {
      const { status, body, text } = await ask(FORWARDED[format](agent.cert))
      assert.equal(status, 200, text)
      assert.equal(body.agent, agent.name)
    })

    test('and renews nothing', async () => {
      const answer = await ask(FORWARDED[format](agent.cert), 'POST /v1/agent/auth/cert')
      assert.equal(codeOf(answer), 'proxy_forbidden')
    })

    test('what came twice, cut off, in the other mode or with text beside it is refused', async () => {
      const headers = FORWARDED[format](agent.cert)
      const [name, value] = Object.entries(headers).at(-1)!
      assert.equal(codeOf(await ask({ ...headers, [name]: [value, value] })), 'proxy_header_invalid')
      assert.equal(codeOf(await ask({ ...headers, [name]: value.slice(0, -9) })), 'proxy_header_invalid')
      assert.equal(codeOf(await ask({ ...headers, [name]: `x%0A${value}` })), 'proxy_header_invalid')
      assert.equal(codeOf(await ask({ ...headers, [name]: value.replaceAll('%20', '+') })), 'proxy_header_invalid')
      const other = FORWARDED[format === 'alb' ? 'alb-verify' : 'alb'](agent.cert)
      assert.equal(codeOf(await ask(other)), 'proxy_header_untrusted')
      assert.equal(codeOf(await ask({ ...headers, ...other })), 'proxy_header_untrusted')
    })
  })

test('what AWS tells of the leaf is nothing without it', async t => {
  const stage = await ProxyStage.open(here(verify!))
  t.after(() => stage.close())
  const { cert } = await stage.agent()
  const { 'X-Amzn-Mtls-Clientcert-Leaf': _, ...beside } = FORWARDED['alb-verify'](cert) as Record<string, string>
  assert.equal(codeOf(await stage.direct('GET /v1/whoami', { headers: beside })), 'proxy_header_invalid')
})

test('from other addresses nothing is believed', async t => {
  const stage = await ProxyStage.open(passthrough!)
  t.after(() => stage.close())
  const { cert } = await stage.agent()
  assert.equal(codeOf(await stage.direct('GET /v1/whoami', { headers: FORWARDED.alb(cert) })), 'proxy_header_untrusted')
})
