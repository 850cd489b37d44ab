import type { Clock, PolicyDecision, PolicyInForce, PolicyQuestion } from '@lanyard/authority'
import { askAll, type HeldSet } from './held.ts'
import { ShadowBook, type ShadowReport } from './shadow.ts'

interface Shadow {
  readonly set: HeldSet
  readonly book: ShadowBook
}

/** Says nothing: a scope without a version. */
const SILENT: PolicyDecision = { allowed: true, policies: [], errors: [] }

/** The versions that decide, and those in the shadow, of one moment. */
export class InForce {
  readonly #active = new Map<string | null, HeldSet>()
  readonly #shadows = new Map<string | null, Shadow>()

  /** `sets` gives each version; what a shadow has seen goes on from `before` while it is the same version. */
  constructor(
    marks: readonly PolicyInForce[],
    sets: (mark: PolicyInForce) => HeldSet,
    before: InForce | null,
    clock: Clock,
  ) {
    for (const mark of marks) {
      const set = sets(mark)
      if (mark.state === 'active') this.#active.set(mark.tenant, set)
      else this.#shadows.set(mark.tenant, { set, book: bookOf(mark, before, clock) })
    }
  }

  /** Whether nothing is in force for anybody. */
  get isEmpty(): boolean {
    return this.#active.size === 0 && this.#shadows.size === 0
  }

  /** Whether anything is in force for this tenant, the trust domain's included. */
  concerns(tenant: string | null): boolean {
    return scopesOf(tenant).some(scope => this.#active.has(scope) || this.#shadows.has(scope))
  }

  /** Those that decide: the trust domain's, then the tenant's. */
  activeFor(tenant: string | null): readonly HeldSet[] {
    return scopesOf(tenant)
      .map(scope => this.#active.get(scope))
      .filter(set => set !== undefined)
  }

  shadowOf(tenant: string | null): ShadowReport | undefined {
    return this.bookOf(tenant)?.report()
  }

  bookOf(tenant: string | null): ShadowBook | undefined {
    return this.#shadows.get(tenant)?.book
  }

  /** What all that decide say. Those in the shadow are asked beside, and say nothing. */
  decide(question: PolicyQuestion): PolicyDecision {
    const { decision, each } = askAll(this.activeFor(question.tenant), question)
    this.#inShadow(question, new Map(each.map(({ set, said }) => [set.texts.tenant, said])))
    return decision
  }

  #inShadow(question: PolicyQuestion, decisions: ReadonlyMap<string | null, PolicyDecision>): void {
    for (const scope of scopesOf(question.tenant)) {
      const shadow = this.#shadows.get(scope)
      if (!shadow?.set.declares(question.action)) continue
      shadow.book.note(question, decisions.get(scope) ?? SILENT, shadow.set.decide(question))
    }
  }
}

const scopesOf = (tenant: string | null): readonly (string | null)[] => (tenant === null ? [null] : [null, tenant])

function bookOf({ tenant, version }: PolicyInForce, before: InForce | null, clock: Clock): ShadowBook {
  const book = before?.bookOf(tenant)
  return book?.version === version ? book : new ShadowBook(version, clock)
}
