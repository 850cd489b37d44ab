import assert from 'node:assert/strict'
import {
  type CompiledSet,
  compile,
  type Entity,
  type PolicyProblems,
  type PolicyText,
  type Question,
} from '../index.ts'

export const PERMIT = 'permit (principal, action, resource);'

/** Version 3 of acme with these policies, and nothing else. */
export const textOf = (policies: string, more: Partial<PolicyText> = {}): PolicyText => ({
  tenant: 'acme',
  version: 3,
  policies,
  schema: '',
  entities: [],
  ...more,
})

/** The set, which must compile. */
export function setOf(policies: string, more: Partial<PolicyText> = {}): CompiledSet {
  const made = compile(textOf(policies, more))
  if (made instanceof Error) throw made
  return made
}

/** The problems, which there must be, each as `policies:1:2: message`. */
export function problemsOf(policies: string, more: Partial<PolicyText> = {}): readonly string[] {
  const made = compile(textOf(policies, more))
  assert.ok(made instanceof Error, 'expected problems')
  return (made as PolicyProblems).message.split('\n')
}

const tenant: Entity = { type: 'Tenant', id: 'acme' }

/** An API key kills an agent of acme. */
export const killing = (context: Record<string, unknown> = {}, more: Partial<Question> = {}): Question => ({
  principal: { type: 'ApiKey', id: 'k1' },
  action: 'killAgent',
  resource: { type: 'Agent', id: 'spiffe://lanyard.test/acme/orders' },
  context,
  entities: [
    { type: 'ApiKey', id: 'k1', attributes: { name: 'ci', tenant: null, role: 'operator' }, parents: [tenant] },
    { ...tenant, attributes: {}, parents: [{ type: 'TrustDomain', id: 'lanyard.test' }] },
    { type: 'TrustDomain', id: 'lanyard.test', attributes: {}, parents: [] },
    {
      type: 'Agent',
      id: 'spiffe://lanyard.test/acme/orders',
      attributes: { tenant: 'acme', name: 'orders', tier: 'gold', lifecycle: 'active', labels: { env: 'prod' } },
      parents: [tenant],
    },
  ],
  ...more,
})
