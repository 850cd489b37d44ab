// From the SDK: what it tells of a refusal by its own class says why.
import { type Authorizer, ProtocolError, type Route, type SpiffeId, type TimeSource } from '@lanyard/sdk'
import { restore } from '../compile.ts'
import type { CompiledSet } from '../compiled-set.ts'
import { PolicyProblems } from '../problems.ts'
import type { Decision } from '../question.ts'
import { Age } from './age.ts'
import { Asking, isPlain, pathOf } from './asking.ts'
import { type News, readNews } from './news.ts'
import { maxAgeOf, type PolicyOptions, type PolicyReader, systemTime } from './options.ts'

/** An authorizer that asks the policies in force at the authority, here and at once. */
export interface PolicyAuthorizer extends Authorizer {
  /** What is in force here. */
  readonly revision: number
  /** How long ago the authority last confirmed it, in milliseconds. */
  readonly ageMs: number
  /** What the policies say of a call, and which of them: for logs and tests. */
  decide(peer: SpiffeId, route?: Route): Decision
  /** Follows no more; from then on everything is refused. */
  close(): void
}

/**
 * Reads the policies that concern an agent, and follows them: changes count within a second. Give what comes back as
 * `allow`: a caller is let in when the sets of the trust domain and of the tenant, as far as there are any, all permit
 * the action `call`, by the caller, to this agent. Where none is in force nobody is let in.
 *
 * @throws IdentityError as {@link PolicyReader.policies}, for the first reading
 * @throws TypeError for an option that cannot be meant, and for a reply that is none
 */
export async function policy(identity: PolicyReader, options: PolicyOptions = {}): Promise<PolicyAuthorizer> {
  const local = new LocalPolicies(identity, options)
  await local.begin()
  const authorizer = (peer: SpiffeId, own: SpiffeId, route?: Route) => local.authorize(peer, own, route)
  return Object.defineProperties(authorizer, {
    revision: { get: () => local.revision },
    ageMs: { get: () => local.age.ms },
    decide: { value: (peer: SpiffeId, route?: Route) => local.decide(peer, identity.id, route) },
    close: { value: () => local.close() },
  }) as PolicyAuthorizer
}

const AGAIN_MS = 1_000
const LONGEST_MS = 15_000
/** Instances follow each other within a second. */
const FALLEN_MS = 5_000

class LocalPolicies {
  readonly age: Age
  readonly #identity: PolicyReader
  readonly #time: TimeSource
  readonly #asking: Asking
  readonly #maxAgeMs: number
  readonly #problem: (error: Error) => void
  #sets: readonly (CompiledSet | PolicyProblems)[] = []
  #revision = -1
  #fellAt: number | null = null
  readonly #closing = new AbortController()
  #cancel = () => {}

  constructor(identity: PolicyReader, options: PolicyOptions) {
    this.#identity = identity
    this.#time = options.time ?? systemTime
    this.#asking = new Asking(options)
    this.#maxAgeMs = maxAgeOf(options)
    this.#problem = options.problem ?? (() => {})
    this.age = new Age(this.#time)
  }

  get revision(): number {
    return this.#revision
  }

  async begin(): Promise<void> {
    const asked = this.#time.monotonic()
    this.#take(readNews(await this.#identity.policies({ hold: true })), asked)
    void this.#follow(0)
  }

  close(): void {
    this.#closing.abort()
    this.#cancel()
  }

  authorize(peer: SpiffeId, own: SpiffeId, route: Route | undefined): SpiffeId {
    const { allowed, policies, errors } = this.decide(peer, own, route)
    if (allowed) return peer
    const why =
      errors.length > 0 ? errors.join('; ') : policies.length > 0 ? policies.join(', ') : 'no policy permits it'
    throw new ProtocolError('spiffe_id_mismatch', `the policies do not let ${peer} call ${own}: ${why}`)
  }

  decide(peer: SpiffeId, own: SpiffeId, route: Route | undefined): Decision {
    const refusal = this.#refusal(route)
    if (refusal !== null) return { allowed: false, policies: [], errors: [refusal] }
    const question = this.#asking.questionOf({ peer, own, route, at: this.#time.now() })
    const each = this.#sets.map(set => (set instanceof PolicyProblems ? UNUSABLE : set.decide(question)))
    return {
      allowed: each.length > 0 && each.every(({ allowed }) => allowed),
      policies: decisive(each).flatMap(({ policies }) => policies),
      errors: each.flatMap(({ errors }) => errors),
    }
  }

  /** Why nothing can be asked at all; null: it can. */
  #refusal(route: Route | undefined): string | null {
    if (this.#closing.signal.aborted) return 'the policies are not followed any more'
    if (this.age.ms > this.#maxAgeMs) return `the authority was not heard for ${Math.round(this.age.ms)} ms`
    if (this.#sets.length === 0) return 'no policies are in force'
    if (route !== undefined && this.#asksPaths && !isPlain(pathOf(route))) return 'the path can be read in several ways'
    return null
  }

  get #asksPaths(): boolean {
    return this.#sets.some(set => !(set instanceof PolicyProblems) && set.names('path'))
  }

  async #follow(failures: number): Promise<void> {
    if (this.#closing.signal.aborted) return
    const asked = this.#time.monotonic()
    try {
      const news = readNews(await this.#identity.policies({ after: this.#revision, signal: this.#closing.signal }))
      if (this.#closing.signal.aborted) return
      this.#take(news, asked)
      // An authority that does not wait shall not be asked without end.
      this.#again(this.#time.monotonic() - asked < AGAIN_MS ? AGAIN_MS / 4 : 0, 0)
    } catch (error) {
      if (this.#closing.signal.aborted) return
      this.#tell(error instanceof Error ? error : new Error(String(error)))
      this.#again(Math.min(LONGEST_MS, AGAIN_MS * 2 ** failures), Math.min(failures + 1, 10))
    }
  }

  #again(ms: number, failures: number): void {
    this.#cancel = this.#time.after(ms, () => void this.#follow(failures))
  }

  #take({ revision, asOf, sets }: News, asked: number): void {
    if (revision < this.#revision && !this.#hasFallen()) return
    this.#fellAt = null
    this.age.heard(asOf, asked)
    if (revision === this.#revision) return
    this.#sets = sets.map(restore)
    this.#revision = revision
    for (const set of this.#sets) if (set instanceof PolicyProblems) this.#tell(set)
  }

  /**
   * An instance may be a moment behind the one before. Where the revision stays lower, the database is an older one.
   */
  #hasFallen(): boolean {
    this.#fellAt ??= this.#time.monotonic()
    return this.#time.monotonic() - this.#fellAt > FALLEN_MS
  }

  /** In a turn of its own: what a listener throws must not end the following. */
  #tell(error: Error): void {
    queueMicrotask(() => this.#problem(error))
  }
}

const UNUSABLE: Decision = { allowed: false, policies: [], errors: ['the policies cannot be used here'] }

/** Of a denial those who deny, of what is allowed all. */
const decisive = (each: readonly Decision[]) =>
  each.every(({ allowed }) => allowed) ? each : each.filter(({ allowed }) => !allowed)
