import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { agentId, caller, type Identity, type Serving } from '@lanyard/sdk'

/** Clocks may differ by so much: the SDK keeps a connection for as long after the end of its certificate. */
const SKEW_SEC = 10

/** Identities that all serve and all call their neighbour, over connections that are kept alive. */
export class Crowd {
  readonly #identities: readonly Identity[]
  readonly #services: readonly Serving[]
  /** What went wrong, in order. */
  readonly trouble: string[] = []
  /** Renewals by each identity. */
  readonly renewals: number[]
  calls = 0

  private constructor(identities: readonly Identity[], services: readonly Serving[]) {
    this.#identities = identities
    this.#services = services
    this.renewals = identities.map(() => 0)
    for (const [at, identity] of identities.entries()) {
      identity.on('renewed', () => this.renewals[at]!++)
      identity.on('failing', ({ error }) => this.trouble.push(`${at} failing: ${error.code}`))
      identity.on('lost', ({ code }) => this.trouble.push(`${at} lost: ${code}`))
      identity.on('withdrawn', ({ code }) => this.trouble.push(`${at} withdrawn: ${code}`))
      identity.on('refused', ({ error }) => this.trouble.push(`${at} refused: ${error.code} ${error.message}`))
      identity.on('unguarded', () => {})
    }
  }

  /** Each allows exactly the one before it. */
  static async of(identities: readonly Identity[]): Promise<Crowd> {
    const before = (at: number) => identities.at(at - 1)!
    const services = await Promise.all(
      identities.map((identity, at) =>
        identity.serve({ allow: agentId(before(at).id) }, (request, response) =>
          response.end(`${caller(request).notAfter}`),
        ),
      ),
    )
    return new Crowd(identities, services)
  }

  /** One call by each, all at once; what fails is trouble. */
  async callRound(): Promise<void> {
    await Promise.all(this.#identities.map((_, at) => this.#call(at)))
  }

  /** Calls by each, with pauses between, until `end` of the wall clock. */
  async callUntil(end: number, pauseMs: number): Promise<void> {
    await Promise.all(
      this.#identities.map(async (_, at) => {
        while (Date.now() < end) {
          await this.#call(at)
          await pause(pauseMs)
        }
      }),
    )
  }

  async close(): Promise<void> {
    await Promise.all(this.#services.map(service => service.close()))
    await Promise.all(this.#identities.map(identity => identity.close()))
  }

  async #call(at: number): Promise<void> {
    const next = (at + 1) % this.#identities.length
    try {
      const peer = agentId(this.#identities[next]!.id)
      const reply = await this.#identities[at]!.fetch(this.#services[next]!.url, { peer })
      const until = Number(await reply.text())
      assert.equal(reply.status, 200)
      assert.ok((until + SKEW_SEC) * 1000 > Date.now(), 'it was known by a certificate that had ended')
      this.calls++
    } catch (error) {
      this.trouble.push(`${at} → ${next}: ${(error as { code?: string }).code ?? ''} ${error}`)
    }
  }
}
