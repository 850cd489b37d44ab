import type { PolicyVersionState } from '@lanyard/authority'
import type { Question } from '@lanyard/policy'

/** Policies that look at what is the same for all calls of one agent alone, so that a decision is remembered. */
export const STEADY = (count: number): string =>
  rules(count, () => 'resource has tier && resource.tier == "restricted"')

/** Policies that compare what differs from call to call, with the same answer: a decision is remembered all the same. */
export const NETWORKS = (count: number): string =>
  rules(count, at => `context has source && context.source.isInRange(ip("203.0.${at}.0/24"))`)

/** Policies that look at the whole of what differs from call to call, so that each decision is made anew. */
export const RESTLESS = (count: number): string =>
  rules(count, at => `context has source && context.source == ip("203.0.113.${at}")`)

const rules = (count: number, when: (at: number) => string): string =>
  [
    'permit (principal, action, resource);',
    ...Array.from(
      { length: count - 1 },
      (_, at) => `@id("rule-${at}")
forbid (principal, action == Lanyard::Action::"issue", resource)
when { ${when(at)} };`,
    ),
  ].join('\n')

/** An address that was not asked from before, for as many numbers as one likes. */
export const sourceOf = (number: number): string => `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`

export const activeVersion = (policies: string, at: number): PolicyVersionState => ({
  ...{ tenant: 'bench', version: 1, policies, schema: '', entities: [], comment: '' },
  ...{ state: 'active', createdBy: 'bench', createdAt: at, activatedAt: at, follows: null },
})

const tenant = { type: 'Tenant', id: 'bench' }
const domain = { type: 'TrustDomain', id: 'example.test' }
const agent = { type: 'Agent', id: 'spiffe://example.test/tenant/bench/agent/a' }

/** What is asked about the issuing of one certificate, each time from another address. */
export const issueQuestion = (number: number): Question => ({
  principal: agent,
  action: 'issue',
  resource: agent,
  context: {
    ...{
      hour: 12,
      weekday: 'monday',
      credential: 'agent-token',
      source: sourceOf(number),
      door: 'csr',
      tier: 'silver',
    },
    ...{ ttl_sec: 300, provenance: 'internal', lineage_age_sec: 60, key_type: 'P-256', key_bits: 256 },
  },
  entities: [
    {
      ...agent,
      attributes: { tenant: 'bench', name: 'a', tier: 'silver', lifecycle: 'active', labels: { env: 'prod' } },
      parents: [tenant],
    },
    { ...tenant, attributes: {}, parents: [domain] },
    { ...domain, attributes: {}, parents: [] },
  ],
})
