import { LanyardError } from '@lanyard/api'
import {
  type CertificateCaller,
  exclusive,
  type Revocation,
  type Revoked,
  requireStanding,
  revokeTogether,
  type TokenCaller,
  withEpoch,
} from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'

type OwnRevocation = Revocation & { readonly act: { readonly caller: TokenCaller | CertificateCaller } }

interface Waiting {
  readonly revocation: OwnRevocation
  readonly resolve: (revoked: readonly string[]) => void
  readonly reject: (error: unknown) => void
}

/** Milliseconds from one turn to the next. */
const TICK_MS = 200
/** Revocations of one turn: a kill waits no longer than for these. */
const TURN_MAX = 25
/** Revocations that wait at most; further ones are told to come again. */
const WAITING_MAX = 5_000

/**
 * Revocations that agents make of their own certificates: all of a tick in one transaction, under one epoch, so that
 * nobody makes the feed run as fast as it can ask.
 */
export class SelfRevocations {
  readonly #ports: Pick<HandlerPorts, 'store' | 'rows' | 'feed'>
  readonly #waiting: Waiting[] = []
  #turning = false
  #next = 0

  constructor(ports: Pick<HandlerPorts, 'store' | 'rows' | 'feed'>) {
    this.#ports = ports
  }

  /** The serials that were revoked, once that is durable. Throws as `revokeCertificates`, and `not_ready`. */
  async revoke(revocation: OwnRevocation): Promise<readonly string[]> {
    if (this.#waiting.length >= WAITING_MAX)
      throw new LanyardError('not_ready', `${WAITING_MAX} revocations of other agents wait already`)
    const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>()
    this.#waiting.push({ revocation, resolve, reject })
    this.#schedule()
    return promise
  }

  #schedule(): void {
    if (this.#turning || this.#waiting.length === 0) return
    this.#turning = true
    const wait = Math.max(0, this.#next - performance.now())
    setTimeout(() => void this.#turn(), wait)
  }

  async #turn(): Promise<void> {
    this.#next = performance.now() + TICK_MS
    const turn = this.#waiting.splice(0, TURN_MAX)
    try {
      const outcomes = await this.#run(turn)
      for (const [index, waiting] of turn.entries()) settle(waiting, outcomes[index]!)
    } catch (error) {
      for (const { reject } of turn) reject(error)
    }
    this.#turning = false
    this.#schedule()
  }

  async #run(turn: readonly Waiting[]): Promise<readonly Revoked[]> {
    const { store, rows, feed } = this.#ports
    const revocations = turn.map(({ revocation }) => revocation)
    const tenants = [...new Set(revocations.map(({ act }) => act.caller.tenant))]
    const admit = ({ act }: Revocation) => requireStanding(rows, act)
    const run = withEpoch(() => revokeTogether(rows, revocations, admit), rows)
    const { done, epoch } = await store.urgent(run, exclusive(...tenants))
    feed.tell(epoch)
    return done
  }
}

function settle({ resolve, reject }: Waiting, outcome: Revoked): void {
  if ('error' in outcome) reject(outcome.error)
  else resolve(outcome.revoked)
}
