import { STEPS, type StepName } from '@lanyard/api'
import { finishStep, type IncidentState, shared } from '@lanyard/authority'
import { type IncidentPorts, serverAct } from './ports.ts'
import { signedReceipt, type Work, workOf } from './step-work.ts'

/** Milliseconds that a step belongs to the instance that claimed it: after a crash another one takes it. */
const CLAIM_MS = 5_000

/** The order in which steps are done: first whoever waits for the news. The receipt is signed when all have answered. */
const BEFORE_RECEIPT = ['broadcast', 'registry', 'snapshot', 'notify'] as const satisfies readonly StepName[]
type EarlyStep = (typeof BEFORE_RECEIPT)[number]

/** How an incident stands after a pass. */
export type Progress = 'ended' | 'waiting'

/**
 * Does what is left of an incident. Any instance can, at any time and several at once: a step is claimed before it is done,
 * and its end is written once, with what it leaves behind.
 */
export class IncidentSteps {
  readonly #ports: IncidentPorts

  constructor(ports: IncidentPorts) {
    this.#ports = ports
  }

  /** One pass. `committedAt`: when the kill was known to be durable, where that was seen. */
  async pass(id: string, committedAt: number): Promise<Progress> {
    const { store, rows } = this.#ports
    const found = await store.read(() => rows.incidents.find(id))
    if (!found || found.state === 'closed') return 'ended'
    const incident = { ...found, committedAt: found.committedAt ?? committedAt }
    const claimed = await this.#claimEarly(incident)
    for (const step of claimed) await this.#do(step, incident)
    const waiting = await this.#waiting(id)
    if (waiting.includes('receipt') && (await this.#sign(incident))) return waiting.length === 1 ? 'ended' : 'waiting'
    return waiting.length === 0 ? 'ended' : 'waiting'
  }

  async #waiting(id: string): Promise<readonly StepName[]> {
    const { store, rows } = this.#ports
    const steps = await store.read(() => rows.incidents.steps(id))
    return STEPS.filter(name => steps.some(({ step, state }) => step === name && state === 'waiting'))
  }

  /** The first act of whoever comes first: since when the kill is durable. */
  async #claimEarly({ id, committedAt }: IncidentState): Promise<readonly EarlyStep[]> {
    const { store, rows, instance, clock } = this.#ports
    return await store.write(function* () {
      const now = clock.now()
      const claimed: EarlyStep[] = []
      const steps = yield* rows.incidents.steps(id)
      if ((yield* rows.incidents.find(id))?.committedAt === null) yield* rows.incidents.change(id, { committedAt })
      for (const step of BEFORE_RECEIPT) {
        if (steps.some(known => known.step === step && known.state === 'done')) continue
        if (yield* rows.incidents.claim(id, step, instance, now, now + CLAIM_MS)) claimed.push(step)
      }
      return claimed
    }, shared())
  }

  /** What fails is told in the log and waits for the next pass after its claim; the other steps go on. */
  async #do(step: EarlyStep, incident: IncidentState): Promise<void> {
    try {
      await this.#finish(step, incident, await workOf(step, incident, this.#ports))
    } catch (error) {
      this.#ports.log.error({ err: error, incident: incident.id, step }, `step ${step} of an incident failed`)
    }
  }

  /** Whether the receipt is signed now, by whoever it was. */
  async #sign(incident: IncidentState): Promise<boolean> {
    const { store, rows, instance, clock } = this.#ports
    const work = await signedReceipt(incident, this.#ports)
    if (work === null) return false
    const now = clock.now()
    const claim = () => rows.incidents.claim(incident.id, 'receipt', instance, now, now + CLAIM_MS)
    if (!(await store.write(claim, shared()))) return false
    await this.#finish('receipt', incident, work)
    return true
  }

  async #finish(step: StepName, incident: IncidentState, work: Work): Promise<void> {
    const { store, rows, instance } = this.#ports
    const end = { step, by: instance, ...work }
    await store.write(() => finishStep(rows, incident, end, serverAct(this.#ports)), shared())
  }
}
