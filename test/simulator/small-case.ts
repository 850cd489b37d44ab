import type { Act } from './act.ts'
import { Database } from './database.ts'
import type { Model } from './explore.ts'
import { type AuthorityFaults, type Program, type Site, siteOf } from './programs.ts'
import { StoreRules } from './store-rules.ts'
import { Violation } from './violation.ts'

/** Unix milliseconds; nothing ends within a small case. */
export const AT = 1_780_000_000_000

interface Running {
  readonly name: string
  readonly instance: string
  readonly program: Program
  readonly acts: Act<unknown>[]
  done: boolean
}

/** Programs on instances over one database, of which every order is possible. */
export class SmallCase implements Model {
  readonly site: Site
  readonly #running: Running[] = []
  readonly #rules = new StoreRules()
  #crashes: string[] = []
  readonly #crashed: string[] = []
  readonly #end: ((database: Database) => void)[] = []

  constructor(faults: AuthorityFaults) {
    this.site = siteOf(new Database(), () => AT, faults)
  }

  /** Rows that are there from the start. */
  given(table: string, key: string, row: object): void {
    const transaction = this.site.database.begin('given')
    transaction.put(table, key, row)
    transaction.commit(0)
  }

  start(name: string, instance: string, program: Program): void {
    this.#running.push({ name, instance, program, acts: [], done: false })
  }

  /** One of these instances dies at any moment, or none does. */
  mayCrash(...instances: readonly string[]): void {
    this.#crashes = [...instances]
  }

  atEnd(rule: (database: Database) => void): void {
    this.#end.push(rule)
  }

  choices(): readonly string[] {
    const ready = this.#running.filter(one => !one.done && (one.acts.at(-1)?.ready ?? true))
    const names = ready.map(({ name }) => name)
    const alive = this.#running.some(one => !one.done)
    return this.#crashed.length === 0 && alive ? [...names, ...this.#crashes.map(one => `crash ${one}`)] : names
  }

  take(choice: string): void {
    if (choice.startsWith('crash ')) this.#crash(choice.slice('crash '.length))
    else this.#advance(this.#running.find(({ name }) => name === choice)!)
  }

  fingerprint(): string {
    // Each answer is one line.
    const programs = this.#running.flatMap(({ name, acts, done }) => [
      `${name} ${done}`,
      ...acts.flatMap(({ state, history }) => [state, ...history]),
    ])
    return [this.site.database.fingerprint(), ...programs, ...this.#crashed].join('\n')
  }

  check(): void {
    this.#rules.check(this.site.database, AT)
  }

  checkEnd(): void {
    const stuck = this.#running.filter(one => !one.done).map(({ name }) => name)
    if (stuck.length > 0) throw new Violation(`${stuck.join(' and ')} wait for each other for ever`)
    for (const rule of this.#end) rule(this.site.database)
  }

  #advance(one: Running): void {
    const act = one.acts.at(-1)
    act?.next(AT)
    if (act === undefined || act.over) this.#goOn(one)
  }

  #goOn(one: Running): void {
    const next = one.program.next()
    if (next.done) one.done = true
    else one.acts.push(next.value)
  }

  #crash(instance: string): void {
    this.#crashed.push(instance)
    for (const one of this.#running.filter(running => running.instance === instance)) {
      one.acts.at(-1)?.abort()
      one.done = true
    }
  }
}
