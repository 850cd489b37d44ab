import type { Act } from './act.ts'
import { Database } from './database.ts'
import type { Dice } from './dice.ts'
import type { Program } from './programs.ts'
import type { Timeline } from './timeline.ts'

/** Who runs programs: an instance that may die, or be cut off from the database. */
export interface Client {
  readonly name: string
  readonly up: boolean
  /** Whether its packets reach the database. */
  readonly linked: boolean
}

/** Sessions that sit in a transaction without a word are ended after so long. */
const IDLE_MS = 1000
/** Whoever waits for an answer gives up after so long. */
const PATIENCE_MS = 2000

/** The database in time: statements take a while, wait for each other, and are lost when it goes away. */
export class DatabaseServer {
  readonly database = new Database()
  up = true
  /** Milliseconds of one statement, at most. */
  slowness = 2
  /** Milliseconds that the last answer of a program is late, at most. */
  lateness = 0
  readonly #timeline: Timeline
  readonly #dice: Dice
  readonly #onCommit: (act: Act<unknown>, client: Client) => void
  #waiting: (() => void)[] = []
  statements = 0
  deadlocks = 0

  constructor(timeline: Timeline, dice: Dice, onCommit: (act: Act<unknown>, client: Client) => void) {
    this.#timeline = timeline
    this.#dice = dice
    this.#onCommit = onCommit
  }

  /** Runs a program; `done` is called with what it returns, unless its client dies before. */
  run<T>(client: Client, program: Program<T>, done: (result: T) => void = () => {}): void {
    const next = program.next()
    if (next.done) done(next.value)
    else
      this.#drive(client, next.value, () => {
        if (client.up) this.run(client, program, done)
      })
  }

  restart(): void {
    this.database.restart()
    this.#wake()
  }

  failOver(until: number): number {
    const lost = this.database.failOver(until)
    this.#wake()
    return lost
  }

  #drive(client: Client, act: Act<unknown>, ended: () => void): void {
    this.#timeline.after(this.#dice.between(0.1, this.slowness), () => this.#send(client, act, ended))
  }

  #send(client: Client, act: Act<unknown>, ended: () => void, since = this.#timeline.now): void {
    if (!client.up) this.#undo(act)
    else if (client.linked && this.up) {
      this.statements++
      act.next(this.#timeline.now)
      this.#follow(client, act, ended)
    } else if (this.#timeline.now - since < IDLE_MS)
      this.#timeline.after(50, () => this.#send(client, act, ended, since))
    else {
      this.#undo(act)
      ended()
    }
  }

  #follow(client: Client, act: Act<unknown>, ended: () => void): void {
    switch (act.state) {
      case 'running':
        this.#drive(client, act, ended)
        break
      case 'blocked':
        if (!act.waitsForItself) {
          this.#waiting.push(() => this.#drive(client, act, ended))
          break
        }
        this.deadlocks++
        this.#undo(act)
        ended()
        break
      case 'committed':
        this.#onCommit(act, client)
        this.#wake()
        this.#answer(client, act, ended)
        break
      case 'refused':
        this.#wake()
        ended()
        break
      default:
        throw new TypeError(`unknown state ${String(act.state satisfies never)}`)
    }
  }

  #undo(act: Act<unknown>): void {
    act.abort()
    this.#wake()
  }

  /** The reply takes its way too, and may not arrive. */
  #answer(client: Client, act: Act<unknown>, ended: () => void, since = this.#timeline.now): void {
    this.#timeline.after(this.#dice.between(0.1, this.slowness) + this.#dice.between(0, this.lateness), () => {
      act.unanswered = !client.linked && this.#timeline.now - since > PATIENCE_MS
      if (client.linked || act.unanswered) ended()
      else this.#answer(client, act, ended, since)
    })
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const again of waiting) again()
  }
}
