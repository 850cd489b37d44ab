import { LanyardError } from '@lanyard/api'
import type { Policies, PolicyDecision, PolicyQuestion, RefusalEvents } from '@lanyard/authority'
import { ACTIONS, entityText } from '@lanyard/policy'

/** Who asked, as events tell of it. */
export interface Asker {
  readonly actor: string
  /** Whose event a denial is; null: nobody's in particular. */
  readonly tenant: string | null
  readonly source: string | null
  readonly correlation: string | null
}

/** Errors that one event or answer tells; a hundred policies may all have failed alike. */
const ERRORS_TOLD = 5

/**
 * Asks the policies in force. Undefined: allowed, which nobody needs to wait for. Else it breaks with `policy_denied` or
 * `policy_failed`, after that was told in an event.
 */
export function requireAllowed(
  policies: Pick<Policies, 'decide'>,
  denials: RefusalEvents,
  question: PolicyQuestion,
  asker: Asker,
): Promise<never> | undefined {
  const decision = policies.decide(question)
  return decision.allowed ? undefined : deny(denials, question, decision, asker)
}

async function deny(
  denials: RefusalEvents,
  question: PolicyQuestion,
  decision: PolicyDecision,
  asker: Asker,
): Promise<never> {
  await denials.tell(nameOf(question, decision, asker), { ...asker, ...eventOf(question, decision) })
  throw refusalOf(question, decision)
}

/** Asks for somebody else, who enforces what is decided. Only what could not be asked is told in an event. */
export async function decisionFor(
  policies: Pick<Policies, 'decide'>,
  denials: RefusalEvents,
  question: PolicyQuestion,
  asker: Asker,
): Promise<PolicyDecision> {
  const decision = policies.decide(question)
  // Who asks about ever other things, or ever other actions that nobody has declared, must not fill the store.
  const name = `asked ${asker.actor} ${Object.hasOwn(ACTIONS, question.action) ? question.action : ''}`
  if (decision.errors.length > 0) await denials.tell(name, { ...asker, ...eventOf(question, decision) })
  return decision
}

function refusalOf({ action }: PolicyQuestion, { policies, errors }: PolicyDecision): LanyardError {
  if (errors.length > 0)
    return new LanyardError('policy_failed', `the policies could not be asked about ${action}`, { policies })
  const by = policies.length > 0 ? `denied by ${policies.join(', ')}` : 'no policy permits it'
  return new LanyardError('policy_denied', `${action}: ${by}`, { policies })
}

function eventOf(question: PolicyQuestion, { policies, errors }: PolicyDecision) {
  const { principal, action, resource, entities } = question
  const failed = errors.length > 0
  const about = { principal: entityText(principal), action, resource: entityText(resource), policies }
  const self = entities.find(({ type, id }) => type === resource.type && id === resource.id)
  const name = resource.type === 'Agent' ? self?.attributes.name : undefined
  return {
    type: failed ? 'policy.failed' : 'policy.denied',
    agent: typeof name === 'string' ? name : null,
    detail: failed ? { ...about, errors: errors.slice(0, ERRORS_TOLD).map(text => text.slice(0, 500)) } : about,
  } as const
}

const nameOf = ({ action, resource }: PolicyQuestion, { errors }: PolicyDecision, { actor }: Asker) =>
  [errors.length > 0 ? 'failed' : 'denied', actor, action, resource.type, resource.id].join(' ')
