import type { PolicyDecision, PolicyQuestion, PolicyVersionState } from '@lanyard/authority'
import { CompiledSet, restore } from '@lanyard/policy'
import type { ThreadTime } from './thread-time.ts'

/** What is evaluated together, as it is stored. */
export type PolicyTexts = Pick<PolicyVersionState, 'tenant' | 'version' | 'policies' | 'schema' | 'entities'>

export interface Patience {
  /** After so long a decision counts as a denial. */
  readonly timeoutMs: number
  /** Milliseconds that only go on, and only while this thread works: nobody is denied for what others make it wait. */
  readonly ticks: () => number
  /** What decisions may take beyond the usual, all of this set together; null: as long as they like. */
  readonly excess: ThreadTime | null
}

/** Milliseconds of a decision that are nobody's fault: most take a tenth. */
const USUAL_MS = 3

/** A version that can be asked. */
export class HeldSet {
  readonly texts: PolicyTexts
  readonly #set: CompiledSet | null
  readonly #problem: string
  readonly #patience: Patience

  private constructor(texts: PolicyTexts, set: CompiledSet | null, problem: string, patience: Patience) {
    this.texts = texts
    this.#set = set
    this.#problem = problem
    this.#patience = patience
  }

  /**
   * One that is stored, and was checked when it was. Should it not compile any more (another release, a damaged row),
   * it denies everything: what cannot be asked must not count as silent.
   */
  static of(texts: PolicyTexts, patience: Patience): HeldSet {
    const compiled = restore(texts)
    if (compiled instanceof CompiledSet) {
      // The engine makes ready at the first question, which takes long: nobody's call shall be denied for that.
      compiled.decide(WARM_UP)
      return new HeldSet(texts, compiled, '', patience)
    }
    return new HeldSet(texts, null, `version ${nameOf(texts)} cannot be used: ${compiled.message}`, patience)
  }

  /** Why it can only deny; null: it can be asked. */
  get problem(): string | null {
    return this.#set === null ? this.#problem : null
  }

  /** Whether it can be asked about this: an application's action is known only where its schema was saved. */
  declares(action: string): boolean {
    return this.#set === null || this.#set.declares(action)
  }

  /** Never throws: what fails denies. */
  decide(question: Omit<PolicyQuestion, 'tenant'>): PolicyDecision {
    if (this.#set === null) return failed(this.#problem)
    const { timeoutMs, ticks, excess } = this.#patience
    if (excess !== null && excess.waitMs > 0) return failed(`${nameOf(this.texts)} took too long lately`)
    const begun = ticks()
    const decision = this.#set.decide(question)
    const took = ticks() - begun
    excess?.take(Math.max(0, took - USUAL_MS))
    // The engine cannot be interrupted: so much that is true is that nothing which takes so long is ever allowed.
    if (took <= timeoutMs) return decision
    return {
      ...decision,
      allowed: false,
      errors: [...decision.errors, `${nameOf(this.texts)} took ${Math.ceil(took)} ms`],
    }
  }
}

const WARM_UP = {
  principal: { type: 'ApiKey', id: '' },
  action: 'whoami',
  resource: { type: 'TrustDomain', id: '' },
  context: {},
  entities: [],
}

const failed = (error: string): PolicyDecision => ({ allowed: false, policies: [], errors: [error] })

const nameOf = ({ tenant, version }: PolicyTexts) => `${tenant ?? '*'}@${version}`

/** What one of several sets said. */
export interface Said {
  readonly set: HeldSet
  readonly said: PolicyDecision
}

/**
 * Asks every set that knows the action: all must allow. Of a denial, only those that deny are named. Where there are
 * sets, and none knows the action, it is denied; where there is none, nothing is said against it.
 */
export function askAll(
  sets: readonly HeldSet[],
  question: Omit<PolicyQuestion, 'tenant'>,
): { readonly decision: PolicyDecision; readonly each: readonly Said[] } {
  const each = sets.filter(set => set.declares(question.action)).map(set => ({ set, said: set.decide(question) }))
  if (each.length === 0 && sets.length > 0)
    return { decision: failed(`no schema has the action ${question.action}`), each }
  return { decision: allOf(each.map(({ said }) => said)), each }
}

function allOf(decisions: readonly PolicyDecision[]): PolicyDecision {
  const denials = decisions.filter(({ allowed }) => !allowed)
  const deciding = denials.length > 0 ? denials : decisions
  return {
    allowed: denials.length === 0,
    policies: deciding.flatMap(({ policies }) => policies),
    errors: deciding.flatMap(({ errors }) => errors),
  }
}
