import type { ApiClient, CallInput } from '../../client/client.ts'
import { text } from '../../command.ts'
import { Misuse } from '../../problem.ts'
import { parseAgent } from '../subject.ts'

/** What else than an agent can be killed. */
export const TARGETS = {
  tenant: text('TENANT', 'Kill all agents of this tenant'),
  serial: text('HEX', 'Kill the lineage of the certificate with this serial number'),
  lineage: text('HEX', 'Kill this lineage'),
  key: text('THUMBPRINT', 'Kill what has this key, which is never certified again: RFC 7638, SHA-256, base64url'),
  'minted-by': text(
    'CREDENTIAL',
    'Kill what api-key:ID, agent-token:JTI, agent-secret:ID, node:ID, idp:ID, issuer:ID or principal:ID has opened; it is shut out with that',
  ),
} as const

type Credential = 'serial' | 'lineage' | 'key_thumbprint' | 'minted_by'

export type Target =
  | { readonly kind: 'agent'; readonly tenant: string; readonly agent: string }
  | { readonly kind: 'tenant'; readonly tenant: string }
  | { readonly kind: Credential; readonly value: string }

type Written = { readonly [K in keyof typeof TARGETS]?: string | undefined }

/** The one target that the command line names. Throws {@link Misuse}. */
export function targetOf(operand: string | undefined, options: Written): Target {
  const found: Target[] = []
  if (operand !== undefined) found.push({ kind: 'agent', ...parseAgent(operand) })
  if (options.tenant !== undefined) found.push({ kind: 'tenant', tenant: options.tenant })
  const credentials: readonly (readonly [Credential, string | undefined])[] = [
    ['serial', options.serial],
    ['lineage', options.lineage],
    ['key_thumbprint', options.key],
    ['minted_by', options['minted-by']],
  ]
  for (const [kind, value] of credentials) if (value !== undefined) found.push({ kind, value })
  const [target, ...more] = found
  if (target && more.length === 0) return target
  const names = Object.keys(TARGETS).map(name => `--${name}`)
  throw new Misuse(`expected exactly one of TENANT/AGENT, ${names.join(', ')}; got ${found.length}`)
}

/** What every kill carries. */
export type KillBody = CallInput<'POST /v1/tenants/{tenant}/kill'>['body']
type Scope = CallInput<'POST /v1/agents/{tenant}/{agent}/kill'>['body']['scope']

/** A stopped instance must not hold a kill up while another one would answer: it is asked again, and done once. */
const PATIENCE = { deadlineMs: 5000 }

/** Makes the call that the target asks for. */
export function killCall(api: ApiClient, target: Target, body: KillBody, scope: Scope) {
  switch (target.kind) {
    case 'agent': {
      const { tenant, agent } = target
      const widened = scope === undefined ? body : { ...body, scope }
      return api.call('POST /v1/agents/{tenant}/{agent}/kill', { params: { tenant, agent }, body: widened }, PATIENCE)
    }
    case 'tenant':
      return api.call('POST /v1/tenants/{tenant}/kill', { params: { tenant: target.tenant }, body }, PATIENCE)
    case 'serial':
    case 'lineage':
    case 'key_thumbprint':
    case 'minted_by':
      return api.call('POST /v1/kill', { body: { [target.kind]: target.value, ...body } }, PATIENCE)
    default:
      throw new TypeError(`no such target: ${String(target satisfies never)}`)
  }
}

/** For people: `acme/invoice`, `tenant acme`, `serial 5f1d…`, `all of api-key:c76b…`. */
export function nameOf({ kind, value }: { readonly kind: string; readonly value: string }): string {
  switch (kind) {
    case 'agent':
      return value
    case 'minted_by':
      return `all of ${value}`
    case 'key_thumbprint':
      return `key ${value}`
    default:
      return `${kind} ${value}`
  }
}

/** A target in the form in which incidents show it. */
export function shownTarget(target: Target): { readonly kind: string; readonly value: string } {
  switch (target.kind) {
    case 'agent':
      return { kind: 'agent', value: `${target.tenant}/${target.agent}` }
    case 'tenant':
      return { kind: 'tenant', value: target.tenant }
    default:
      return target
  }
}
