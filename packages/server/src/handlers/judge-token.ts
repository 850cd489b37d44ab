import { type IdpStep, LanyardError } from '@lanyard/api'
import {
  agentNameOf,
  type IdpState,
  judgeUpsert,
  type ReadClaim,
  requireClaims,
  requireEnabledIdp,
  requireSubject,
} from '@lanyard/authority'
import { ProtocolError } from '@lanyard/protocol'
import { vouchedOf } from '../http/authenticate/external-token.ts'
import type { HandlerPorts } from '../http/ports.ts'
import { sourceOf } from '../issuers/source-of.ts'

type Ports = Pick<HandlerPorts, 'store' | 'rows' | 'crypto' | 'issuers'>

/** How federated bootstrap would judge a token. `agent` is null where its name was not reached. */
export interface Judgement {
  readonly accepted: boolean
  readonly agent: string | null
  readonly steps: IdpStep[]
}

/** Judges a token of a provider step by step, and stops at the first that refuses. Nothing is changed by it. */
export async function judgeToken(token: string, idp: IdpState, ports: Ports): Promise<Judgement> {
  const judge = new TokenJudge(ports)
  try {
    await judge.run(token, idp)
  } catch (error) {
    if (!(error instanceof LanyardError || error instanceof ProtocolError)) throw error
    return judge.judgement(error)
  }
  return judge.judgement(null)
}

class TokenJudge {
  readonly #ports: Ports
  readonly #steps: IdpStep[] = []
  #agent: string | null = null

  constructor(ports: Ports) {
    this.#ports = ports
  }

  async run(token: string, idp: IdpState): Promise<void> {
    const { issuers } = this.#ports
    const verified = await issuers.verify(token, sourceOf(idp), (step, ok, detail) => void this.#said(step, ok, detail))
    const { read } = vouchedOf(verified)
    this.#step('required_claims', () => {
      requireClaims(read, idp)
      return `${Object.keys(idp.requiredClaims).length} claims are as required`
    })
    const subject = this.#named(read, idp)
    await this.#upserted(idp, subject, verified.issuedAt)
    this.#step('provider', () => {
      requireEnabledIdp(idp)
      return 'it is enabled, and may vouch for agents'
    })
  }

  judgement(error: LanyardError | ProtocolError | null): Judgement {
    // A refusal that no step told of: something was not there to be asked.
    if (error !== null && this.#steps.every(({ ok }) => ok)) this.#said('provider', false, refusalText(error))
    return { accepted: error === null, agent: this.#agent, steps: this.#steps }
  }

  #named(read: ReadClaim, idp: IdpState): string {
    return this.#step(
      'agent',
      () => {
        const subject = requireSubject(read, idp)
        this.#agent = agentNameOf(idp.issuer, subject, this.#ports.crypto)
        return subject
      },
      () => `claim ${idp.agentClaim} names agent ${this.#agent}`,
    )
  }

  async #upserted({ tenant, issuer }: IdpState, subject: string, issuedAt: number): Promise<void> {
    const { store, rows } = this.#ports
    const named = { tenant, agent: this.#agent!, issuer, subject, issuedAt }
    try {
      const found = await store.read(() => judgeUpsert(rows, named))
      this.#said('upsert', true, found ? 'the agent is known, and lives' : 'the agent would be registered')
    } catch (error) {
      this.#said('upsert', false, refusalText(error))
      throw error
    }
  }

  #step<T extends string>(step: string, run: () => T, told: (done: T) => string = done => done): T {
    try {
      const done = run()
      this.#said(step, true, told(done))
      return done
    } catch (error) {
      this.#said(step, false, refusalText(error))
      throw error
    }
  }

  #said(step: string, ok: boolean, detail: string): void {
    this.#steps.push({ step, ok, detail })
  }
}

const refusalText = (error: unknown): string =>
  error instanceof LanyardError || error instanceof ProtocolError ? `${error.code}: ${error.message}` : 'it failed'
