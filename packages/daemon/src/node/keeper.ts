import { LanyardError } from '@lanyard/api'
import { Alarm, backoff } from '@lanyard/sdk/authority'
import { asLanyardError, isNodeEnd } from '../authority/codes.ts'
import type { PrivateFolder } from '../disk/private-folder.ts'
import type { Log, Time } from '../ports.ts'
import { NodeCredential } from './credential.ts'
import { ABSENT, type ProofSource } from './proof.ts'

const FILE = 'node.json'
/** Between two looks whether there is another proof than the one that was refused for good. */
const LOOK_MS = 2_000

/** A certificate that is new is not asked for again sooner, whatever the clocks say. */
const LEAST_MS = 10_000

export interface NodeKeeperPorts {
  readonly time: Time
  /** The authority's time, by which its certificates hold. */
  readonly clock: { now(): number }
  readonly log: Log
  /** At least 0, below 1. */
  readonly random: () => number
  readonly folder: PrivateFolder
  /** Attests anew; null: there is nothing to attest with. */
  readonly attest: (() => Promise<NodeCredential>) | null
  /** What it attests with; null as above. */
  readonly proof: Pick<ProofSource, 'version' | 'wanted'> | null
  /** Asks with a certificate, which may have ended, for the next one. */
  readonly renew: (credential: NodeCredential) => Promise<NodeCredential>
  /** There is a new certificate. */
  readonly renewed: (credential: NodeCredential) => void
  /** The authority knows this node no longer, or lets it do nothing: what it got for its workloads is void. */
  readonly ended: (error: LanyardError) => void
}

/** Keeps the identity of the node: attests once, renews for ever. */
export class NodeKeeper {
  readonly #ports: NodeKeeperPorts
  readonly #alarm: Alarm
  #credential: NodeCredential | null = null
  /** When the certificate came, by the steady clock. */
  #since = Number.NEGATIVE_INFINITY
  #failures = 0
  #busy: Promise<void> | null = null
  #stopped = false
  /** Version of the proof that will never be one; null: none was told so. */
  #useless: string | null = null
  /** Why this machine is no node at present; null: it is one, or knows of nothing else. */
  failure: LanyardError | null = null

  constructor(ports: NodeKeeperPorts) {
    this.#ports = ports
    this.#alarm = new Alarm(ports.time)
  }

  /** Throws `node_unknown` before the node has attested. */
  get credential(): NodeCredential {
    if (this.#credential === null)
      throw this.failure ?? new LanyardError('node_unknown', 'this machine has not attested')
    return this.#credential
  }

  get known(): NodeCredential | null {
    return this.#credential
  }

  /**
   * Takes the node from the disk, or attests.
   *
   * @throws the codes of `POST /v1/nodes/attest`; `config_invalid` with nothing to attest with
   */
  async start(): Promise<void> {
    this.#credential = this.#read()
    if (this.#credential !== null) return this.#plan()
    const { attest, time } = this.#ports
    if (attest === null)
      throw new LanyardError(
        'config_invalid',
        'expected join_token_file or LANYARD_JOIN_TOKEN, or x509pop_cert and x509pop_key: this machine has not attested yet',
      )
    for (;;) {
      try {
        return this.#take(await attest())
      } catch (error) {
        const failure = asLanyardError(error)
        if (!isPassing(failure) || this.#stopped) throw failure
        this.failure = failure
        const wait = this.#wait()
        this.#ports.log.warn({ code: failure.code, wait_ms: wait }, `cannot attest: ${failure.message}`)
        await new Promise<void>(resolve => time.after(wait, resolve))
        if (this.#stopped) throw failure
      }
    }
  }

  /** Believes these roots (PEM) from now on; they came from the authority. */
  believe(bundle: string): void {
    if (this.#credential === null || this.#credential.bundle === bundle) return
    this.#credential = this.#credential.believing(bundle)
    this.#write(this.#credential)
  }

  /** Renews now: the authority did not accept the certificate. Joins a renewal under way. */
  renew(): Promise<void> {
    this.#busy ??= this.#renew().finally(() => {
      this.#busy = null
      this.#plan()
    })
    return this.#busy
  }

  /** The authority said that this node is none: attests anew where that can be done, after a while. */
  refused(error: LanyardError): void {
    if (!isNodeEnd(error.code) || this.#stopped) return
    const again = this.failure?.code === error.code
    this.failure = error
    // Each try to connect says it once more, and must not put off the next one to attest.
    if (again) return
    this.#ports.log.error({ code: error.code }, `the authority let this node go: ${error.message}`)
    this.#ports.ended(error)
    if (this.#ports.attest !== null) this.#alarm.set(this.#ports.time.now() + this.#wait(), () => void this.#reattest())
  }

  /** The authority takes this node for one. */
  accepted(): void {
    if (this.failure === null) return
    this.failure = null
    this.#failures = 0
    this.#plan()
  }

  stop(): void {
    this.#stopped = true
    this.#alarm.clear()
  }

  async #reattest(): Promise<void> {
    const version = this.#version()
    if (version !== null && version === this.#useless) {
      this.#reattestIn(LOOK_MS)
      return
    }
    try {
      this.#take(await this.#ports.attest!())
      this.#useless = null
      this.#ports.renewed(this.credential)
    } catch (error) {
      this.#notAttested(asLanyardError(error), version)
    }
  }

  #notAttested({ code, message }: LanyardError, version: string | null): void {
    const useless = version === ABSENT || (version !== null && code === 'node_proof_invalid')
    this.#useless = useless ? version : null
    const { log, proof } = this.#ports
    if (useless) log.error({ code }, `cannot attest again: ${message}; ${proof?.wanted}`)
    else log.warn({ code }, `cannot attest again: ${message}`)
    this.#reattestIn(useless ? LOOK_MS : this.#wait())
  }

  #reattestIn(wait: number): void {
    if (!this.#stopped) this.#alarm.set(this.#ports.time.now() + wait, () => void this.#reattest())
  }

  #version(): string | null {
    try {
      return this.#ports.proof?.version() ?? null
    } catch {
      // Whoever reads it says why it cannot be read.
      return null
    }
  }

  async #renew(): Promise<void> {
    const { renew, renewed, log } = this.#ports
    try {
      this.#take(await renew(this.credential))
      renewed(this.credential)
    } catch (error) {
      const failure = asLanyardError(error)
      this.#failures++
      log.warn({ code: failure.code }, `cannot renew the certificate of the node: ${failure.message}`)
      this.refused(failure.code === 'certificate_expired' ? TOO_LATE : failure)
    }
  }

  #take(credential: NodeCredential): void {
    this.#credential = credential
    this.#since = this.#ports.time.monotonic()
    this.failure = null
    this.#failures = 0
    this.#write(credential)
    this.#plan()
    const { name, not_after } = credential.reply
    this.#ports.log.info({ node: name, not_after }, 'certificate of the node')
  }

  #plan(): void {
    if (this.#stopped || this.#credential === null || this.failure !== null) return
    const { time } = this.#ports
    const wait = this.#failures === 0 ? this.#left(this.#credential) : this.#wait(0)
    this.#alarm.set(time.now() + wait, () => this.#due())
  }

  /** The alarm goes by the clock of this machine, which may have been set. */
  #due(): void {
    if (this.#failures === 0 && this.#credential !== null && this.#left(this.#credential) > 0) this.#plan()
    else void this.renew()
  }

  /** Milliseconds until the next one is due. */
  #left({ renewAfter }: NodeCredential): number {
    const { time, clock } = this.#ports
    return Math.max(0, renewAfter - clock.now(), this.#since + LEAST_MS - time.monotonic())
  }

  #wait(more = 1): number {
    this.#failures += more
    return backoff(Math.max(1, this.#failures), this.#ports.random)
  }

  #read(): NodeCredential | null {
    const { folder, log } = this.#ports
    const text = folder.read(FILE)
    if (text === null) return null
    try {
      return NodeCredential.parse(text)
    } catch (error) {
      log.error({ code: asLanyardError(error).code }, `${FILE} cannot be used; this machine must attest anew`)
      return null
    }
  }

  #write(credential: NodeCredential): void {
    try {
      this.#ports.folder.write(FILE, credential.toText(), { durable: true })
    } catch (error) {
      // It goes on in memory; a restart would need a new proof.
      this.#ports.log.error({ code: asLanyardError(error).code }, 'the certificate of the node is not on disk')
    }
  }
}

/** A machine that nobody heard of for longer than the authority remembers it. */
const TOO_LATE = new LanyardError('node_unknown', 'the certificate of this node ended too long ago to be renewed')

/** Nobody has judged yet: the authority is away, or not ready. */
const isPassing = ({ code }: LanyardError): boolean =>
  ['server_unreachable', 'store_unavailable', 'not_ready', 'rate_limited', 'internal_error'].includes(code)
