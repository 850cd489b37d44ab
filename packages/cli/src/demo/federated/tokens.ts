import { generateKeyPairSync } from 'node:crypto'
import { jwkFromSpki, jwkThumbprint } from '@lanyard/protocol'
import { nodeCrypto, spkiOf } from '@lanyard/protocol/node'
import { refusal } from '../strangers.ts'
import { holds } from '../teller.ts'
import type { Stage } from './stage.ts'

/** Names the provider, which vouches for nobody yet, and has a token explained; gives the provider's id. */
export async function tryToken(stage: Stage): Promise<readonly [string, string]> {
  const { scene, provider, audience } = stage
  const params = { tenant: 'acme' }
  const body = { issuer: provider.issuer, audiences: [audience] }
  const { id } = await scene.admin.call('POST /v1/tenants/{tenant}/idps', { params, body })
  const token = await provider.clientToken('planner')
  const call = 'POST /v1/tenants/{tenant}/idps/{id}/test'
  const { accepted, agent, steps } = await scene.admin.call(call, { params: { tenant: 'acme', id }, body: { token } })
  holds(agent === 'planner' && !accepted, 'expected a token of planner that does not count yet')
  const held = steps.filter(({ ok }) => ok).map(({ step }) => step)
  const last = steps.find(({ ok }) => !ok)
  return [`holds: ${held.join(', ')}\nbut: ${last?.detail}`, id]
}

/** Tokens that prove nothing here, and how each is refused. */
export async function refuseOthers(stage: Stage): Promise<readonly [string, undefined]> {
  const { provider } = stage
  const used = await provider.clientToken('planner')
  await stage.exchange(used, thumbprint())
  const lines: string[] = []
  for (const [what, attempt, expected] of [
    ['one that was used, by another key', () => stage.exchange(used, thumbprint()), 'token_reused'],
    ['one whose claims were changed', () => stage.exchange(changed(used)), 'external_token_invalid'],
    [
      'one for the name of an agent that came from elsewhere',
      async () => stage.exchange(await provider.clientToken('legacy')),
      'agent_provenance_conflict',
    ],
  ] as const) {
    const code = await refusal(attempt)
    holds(code === expected, `expected ${expected} for ${what}, got ${code}`)
    lines.push(`${what} → ${code}`)
  }
  return [lines.join('\n'), undefined]
}

/** RFC 7638, of a new key. */
function thumbprint(): string {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return jwkThumbprint(jwkFromSpki(spkiOf(publicKey)), nodeCrypto)
}

/** The same token, of another subject. */
function changed(token: string): string {
  const [header, payload = '', signature] = token.split('.')
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))
  const forged = Buffer.from(JSON.stringify({ ...claims, sub: 'invoice' })).toString('base64url')
  return [header, forged, signature].join('.')
}
