import type { SpiffeId } from '@lanyard/protocol'
import type { IdentityError } from '../errors.ts'
import type { Channel } from '../workload-api/channel.ts'
import { Withheld } from '../workload-api/status.ts'
import { Watch } from '../workload-api/watch.ts'
import { type GuidedContext, guidedX509, type X509Context } from '../workload-api/x509-context.ts'
import type { Attachable } from './first.ts'
import { Question } from './question.ts'
import { NOBODY, type SvidListener } from './source.ts'
import type { Svid } from './svid.ts'

/** An identity that the Workload API keeps fresh. What it takes back is taken back here, at once. */
export class WorkloadSource implements Attachable {
  readonly #channel: Channel
  readonly #watch: Watch<GuidedContext>
  readonly #hint: string | null
  #id: SpiffeId | null
  #listener: SvidListener = NOBODY
  #current: Svid | null = null
  #authority: URL | null = null
  #withdrawn = false
  readonly #question: Question

  constructor(channel: Channel, choice: { readonly id: SpiffeId | null; readonly hint: string | null }) {
    this.#channel = channel
    this.#question = new Question(channel.place.time)
    this.#id = choice.id
    this.#hint = choice.hint
    this.#watch = new Watch(channel, guidedX509(), {
      onState: context => this.#take(context),
      onFailed: (error, retryAt, failures) => this.#failed(error, retryAt, failures),
    })
  }

  /** Where the authority is, as was said with the first certificate and holds from then on; null: that was not said. */
  get authority(): URL | null {
    return this.#authority
  }

  attach(listener: SvidListener): this {
    this.#listener = listener
    return this
  }

  /** Asks the Workload API anew, or joins the one who does; what it answers is what there is. */
  renew(): Promise<Svid> {
    return this.#question.ask(() => this.#watch.start())
  }

  stop(): void {
    this.#watch.stop()
    this.#channel.close()
    this.#question.end()
  }

  #take(context: GuidedContext): void {
    const svid = this.#choose(context)
    if (svid === null) {
      const wanted = this.#id ?? `an identity with the hint ${JSON.stringify(this.#hint)}`
      this.#withhold(new Withheld('no_identity', `expected ${wanted}, which the Workload API does not give`))
      return
    }
    const before = this.#current
    const news = before === null || this.#withdrawn || stamp(before) !== stamp(svid)
    if (before === null) this.#authority = context.authority
    this.#id = svid.id
    this.#withdrawn = false
    if (news) {
      this.#current = svid
      this.#listener.onRenewed(svid)
    }
    this.#question.answer(this.#current!)
  }

  /** The identity that it is already; at first the one that was asked for, or the default. */
  #choose({ svids }: X509Context): Svid | null {
    const fitting = svids.filter(({ svid }) => this.#id === null || svid.id.equals(this.#id))
    const byHint = fitting.find(({ hint }) => hint === this.#hint)
    if (this.#hint !== null && this.#current === null) return byHint?.svid ?? null
    return (byHint ?? fitting[0])?.svid ?? null
  }

  #failed(error: IdentityError, retryAt: number | null, failures: number): void {
    if (error instanceof Withheld && this.#current !== null) this.#withhold(error)
    else if (retryAt === null) this.#listener.onLost(error)
    else this.#listener.onFailing(error, retryAt, failures)
    this.#question.refuse(error)
  }

  #withhold(error: IdentityError): void {
    const first = !this.#withdrawn
    this.#withdrawn = true
    if (this.#current === null) this.#listener.onFailing(error, this.#channel.place.time.now(), 1)
    else if (first) this.#listener.onWithdrawn(error)
    this.#question.refuse(error)
  }
}

/** What of an identity can change: the certificate, and whom it believes. */
function stamp({ certificate, everyRoot, federated }: Svid): string {
  return [certificate, everyRoot, ...federated.map(({ trustDomain }) => trustDomain.name)].join('\n')
}
