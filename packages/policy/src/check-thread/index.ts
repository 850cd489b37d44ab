import { Worker } from 'node:worker_threads'
import { PolicyProblems, type Problem, problemOf } from '../problems.ts'
import type { PolicyText } from '../question.ts'

/** A check that takes longer is ended, with the thread that is at it. */
const LONGEST_MS = 20_000
/** Without work for so long the thread is let go: it holds an engine of its own. */
const IDLE_MS = 30_000
/** More at once are refused, and of one scope more than these: one tenant must not take the places of all. */
const MOST_WAITING = 20
const MOST_OF_ONE = 4

interface Job {
  readonly text: PolicyText
  readonly done: (problems: readonly Problem[]) => void
}

/**
 * Checks versions as `compile` does, on a thread of its own: a check can take seconds, and nobody's kill shall wait for
 * the policies of somebody else.
 */
export class CheckThread {
  readonly #longestMs: number
  readonly #waiting: Job[] = []
  #worker: Worker | null = null
  #current: Job | null = null
  #timer: NodeJS.Timeout | undefined
  /** Whose turn was last. */
  #last: string | null | undefined

  constructor(longestMs = LONGEST_MS) {
    this.#longestMs = longestMs
  }

  /** What is wrong with a version; null: nothing. Never throws: what cannot be checked is wrong. */
  async check(text: PolicyText): Promise<PolicyProblems | null> {
    const { tenant, version, policies, schema, entities } = text
    const own = this.#waiting.filter(job => job.text.tenant === tenant).length
    if (own >= MOST_OF_ONE || this.#waiting.length >= MOST_WAITING)
      return problemOf('policies', 'too many versions are being checked: try again')
    const problems = await new Promise<readonly Problem[]>(done => {
      this.#waiting.push({ text: { tenant, version, policies, schema, entities }, done })
      this.#next()
    })
    return problems.length === 0 ? null : new PolicyProblems(problems)
  }

  /** Ends the thread; what is under way is answered as not checked. */
  close(): void {
    this.#end('nobody checks any more')
    for (const { done } of this.#waiting.splice(0)) done(failed('nobody checks any more'))
  }

  #next(): void {
    if (this.#current !== null) return
    clearTimeout(this.#timer)
    const job = this.#taken()
    if (job === undefined) {
      this.#timer = setTimeout(() => this.#letGo(), IDLE_MS).unref()
      return
    }
    this.#current = job
    this.#timer = setTimeout(() => this.#end('it takes too long to check: make it smaller'), this.#longestMs)
    this.#started().postMessage(job.text)
  }

  /** Of those that wait the first that is not of the scope whose turn was last. */
  #taken(): Job | undefined {
    const at = this.#waiting.findIndex(({ text }) => text.tenant !== this.#last)
    const [job] = this.#waiting.splice(Math.max(0, at), 1)
    if (job) this.#last = job.text.tenant
    return job
  }

  #started(): Worker {
    if (this.#worker !== null) return this.#worker
    const worker = new Worker(new URL('./checker.ts', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: 128 },
    })
    worker.on('message', (problems: readonly Problem[]) => worker === this.#worker && this.#answer(problems))
    worker.on('error', (error: Error) => worker === this.#worker && this.#end(`the check failed: ${error.message}`))
    // After its listeners: with them it would hold the process alive again.
    worker.unref()
    this.#worker = worker
    return worker
  }

  #answer(problems: readonly Problem[]): void {
    const job = this.#current
    this.#current = null
    job?.done(problems)
    this.#next()
  }

  /** The thread is of no use any more. */
  #end(why: string): void {
    this.#letGo()
    if (this.#current !== null) this.#answer(failed(why))
  }

  #letGo(): void {
    clearTimeout(this.#timer)
    const worker = this.#worker
    this.#worker = null
    void worker?.terminate()
  }
}

const failed = (message: string): readonly Problem[] => problemOf('policies', message).problems
