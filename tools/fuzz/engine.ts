import { ProtocolError } from '@lanyard/protocol'
import { Dice, mutate } from './mutate.ts'

/** A parser under attack. */
export interface FuzzTarget {
  readonly name: string
  /** Inputs to begin with: good ones, since most of a parser lies behind its first check. */
  seeds(): readonly Uint8Array[] | Promise<readonly Uint8Array[]>
  /** Returns, or refuses with a ProtocolError. Any other error is a finding, also that of an assertion in here. */
  run(input: Uint8Array): void
}

export interface Crash {
  readonly input: Uint8Array
  readonly error: unknown
}

const LARGEST_POOL = 2000
const LONGEST_INPUT = 8192

/** Mutates inputs of one target, keeps those that reached something new, and stops at the first crash. */
export class Fuzzer {
  readonly target: FuzzTarget
  readonly #pool: Uint8Array[]
  readonly #dice: Dice
  readonly #outcomes = new Map<string, number>()
  #crash: Crash | null = null
  #inputs = 0
  #milliseconds = 0
  #slowest = 0

  private constructor(target: FuzzTarget, seeds: readonly Uint8Array[], seed: number) {
    this.target = target
    this.#pool = [...seeds]
    this.#dice = new Dice(seed)
    for (const input of seeds) this.#try(input)
  }

  static async start(target: FuzzTarget, seed: number): Promise<Fuzzer> {
    return new Fuzzer(target, await target.seeds(), seed)
  }

  get crash(): Crash | null {
    return this.#crash
  }

  /** How many inputs ended in which way: `accepted`, or the code of the refusal. */
  get outcomes(): ReadonlyMap<string, number> {
    return this.#outcomes
  }

  /** Tries `count` inputs, or fewer when one crashes. */
  run(count: number): void {
    for (let left = count; left > 0 && this.#crash === null; left--) {
      const input = mutate(this.#dice.pick(this.#pool), this.#dice.pick(this.#pool), this.#dice)
      if (input.length <= LONGEST_INPUT) this.#try(input)
    }
  }

  #try(input: Uint8Array): void {
    const outcome = this.#outcomeOf(input)
    const times = (this.#outcomes.get(outcome) ?? 0) + 1
    this.#outcomes.set(outcome, times)
    // What is accepted leads deeper, and so do the first inputs that reach a refusal.
    const telling = times <= 10 || (outcome === 'accepted' && this.#dice.below(20) === 0)
    if (!telling) return
    if (this.#pool.length < LARGEST_POOL) this.#pool.push(input)
    else this.#pool[this.#dice.below(LARGEST_POOL)] = input
  }

  #outcomeOf(input: Uint8Array): string {
    const { outcome, milliseconds } = this.#timed(input)
    this.#inputs += 1
    this.#milliseconds += milliseconds
    // A slow input is slow twice; once may be the machine.
    if (milliseconds > this.#slowest)
      this.#slowest = Math.max(this.#slowest, Math.min(milliseconds, this.#timed(input).milliseconds))
    return outcome
  }

  #timed(input: Uint8Array): { outcome: string; milliseconds: number } {
    const start = performance.now()
    const outcome = this.#judged(input)
    return { outcome, milliseconds: performance.now() - start }
  }

  #judged(input: Uint8Array): string {
    try {
      this.target.run(input)
      return 'accepted'
    } catch (error) {
      if (error instanceof ProtocolError) return error.code
      this.#crash = { input, error }
      return 'crashed'
    }
  }

  /** One line: how many inputs, how fast, how many were accepted, how many codes were seen, the slowest input. */
  report(): string {
    const perSecond = Math.round(this.#inputs / (this.#milliseconds / 1000))
    const accepted = ((100 * (this.#outcomes.get('accepted') ?? 0)) / this.#inputs).toFixed(1)
    const codes = this.#outcomes.size - (this.#outcomes.has('accepted') ? 1 : 0)
    const counts = `${this.#inputs} inputs, ${perSecond}/s, ${accepted} % accepted, ${codes} codes`
    return `${this.target.name.padEnd(16)} ${counts}, slowest ${this.#slowest.toFixed(1)} ms`
  }
}
