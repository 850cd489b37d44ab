import { asLanyardError } from '../authority/codes.ts'
import type { Log, Time } from '../ports.ts'
import type { Miss } from './follower.ts'

interface Signal {
  readonly code: 'workload_is_descendant' | 'no_identity'
  readonly entry: string | null
  readonly at: string
  readonly pid: number
  readonly uid: number
  readonly executable: string | null
  count: number
}

export interface SignalsPorts {
  readonly time: Time
  readonly log: Log
  readonly report: (signals: readonly object[]) => Promise<unknown>
}

/** How long refusals are gathered, how many kinds at most, and how many go into one report. */
const EVERY_MS = 5_000
const MOST = 500
/** Of one user: who makes ever new executables must not hide what others do. */
const MOST_PER_UID = 100
const AT_ONCE = 50
const PATH = 'unix:path:'

/** Tells the authority which processes were refused here: gathered, since a loop of a shell must not fill its record. */
export class Signals {
  readonly #ports: SignalsPorts
  readonly #gathered = new Map<string, Signal>()
  #cancel: (() => void) | null = null

  constructor(ports: SignalsPorts) {
    this.#ports = ports
  }

  add({ workload, verdicts }: Miss, code: string): void {
    if (code !== 'workload_is_descendant' && code !== 'no_identity') return
    const { pid, uid } = workload.process
    const entry = verdicts.find(verdict => !verdict.given && verdict.code === code)?.entry.id ?? null
    const path = [...workload.selectors].find(selector => selector.startsWith(PATH))
    const executable = path === undefined ? null : path.slice(PATH.length, PATH.length + 512)
    const at = new Date(this.#ports.time.now()).toISOString()
    const signal = { code, entry, at, pid, uid, executable, count: 1 } as const
    // Of whoever has too many, those that follow are counted as one.
    if (!this.#count(signal) && !this.#keep(signal)) this.#count({ ...signal, executable: null }, true)
    this.#cancel ??= this.#ports.time.after(EVERY_MS, () => void this.#send())
  }

  /** False: none like it was gathered. */
  #count(signal: Signal, always = false): boolean {
    const known = this.#gathered.get(keyOf(signal))
    if (known !== undefined) known.count++
    else if (always && this.#gathered.size < 2 * MOST) this.#put(signal)
    return known !== undefined
  }

  #keep(signal: Signal): boolean {
    const own = [...this.#gathered.values()].filter(({ uid }) => uid === signal.uid).length
    if (own >= MOST_PER_UID || this.#gathered.size >= MOST) return false
    this.#put(signal)
    return true
  }

  #put(signal: Signal): void {
    const { code, entry, pid, uid, executable } = signal
    this.#gathered.set(keyOf(signal), { ...signal })
    this.#ports.log.warn({ code, entry, pid, uid, executable }, 'refused an identity to a process')
  }

  stop(): void {
    this.#cancel?.()
  }

  async #send(): Promise<void> {
    this.#cancel = null
    const batch = [...this.#gathered].slice(0, AT_ONCE)
    for (const [key] of batch) this.#gathered.delete(key)
    try {
      await this.#ports.report(batch.map(([, signal]) => signal))
    } catch (error) {
      for (const [key, signal] of batch) if (!this.#gathered.has(key)) this.#gathered.set(key, signal)
      this.#ports.log.debug({ code: asLanyardError(error).code }, 'refusals are told later')
    }
    if (this.#gathered.size > 0) this.#cancel ??= this.#ports.time.after(EVERY_MS, () => void this.#send())
  }
}

const keyOf = ({ code, entry, uid, executable }: Signal) => JSON.stringify([code, entry, uid, executable])
