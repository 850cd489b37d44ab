// A load process: takes one job by message, drives it over kept-alive connections, answers with what it saw.
import process from 'node:process'
import { Client } from 'undici'
import { percentile } from '../report.ts'
import { makeCalls } from './calls.ts'
import type { Job, Outcome, Word } from './job.ts'
import { renew, renewFleet } from './renew.ts'

/** Takes times and refusals while counting is on. */
export class Tally {
  readonly #times: number[] = []
  readonly #codes: Record<string, number> = {}
  #refused = 0
  #since = 0

  begin(): void {
    this.#since = performance.now()
    tell({ word: 'counting' })
  }

  get counting(): boolean {
    return this.#since > 0
  }

  add(ms: number, code: string | null): void {
    if (!this.counting) return
    if (code === null) this.#times.push(ms)
    else {
      this.#refused += 1
      this.#codes[code] = (this.#codes[code] ?? 0) + 1
    }
  }

  outcome(): Outcome {
    const seconds = (performance.now() - this.#since) / 1000
    return {
      done: this.#times.length,
      refused: this.#refused,
      seconds,
      late: this.#times.filter(ms => ms > 1000).length,
      p50Ms: percentile(this.#times, 0.5),
      p99Ms: percentile(this.#times, 0.99),
      codes: this.#codes,
    }
  }
}

const tell = (word: Word) => process.send?.(word)

export const connect = (url: string, rootPem: string) =>
  new Client(url, { allowH2: false, connect: { ca: rootPem }, pipelining: 1, keepAliveTimeout: 60_000 })

/** Posts JSON on one connection; gives the problem's code, or null when it was accepted. */
export async function post(client: Client, path: string, authorization: string, body: string) {
  const headers = { 'content-type': 'application/json', ...(authorization === '' ? {} : { authorization }) }
  const reply = await client.request({ path, method: 'POST', headers, body })
  const text = await reply.body.text()
  if (reply.statusCode < 300) return { code: null, text }
  return { code: String((JSON.parse(text) as { code?: string }).code ?? reply.statusCode), text }
}

async function spendTokens(job: Extract<Job, { kind: 'tokens' }>, tally: Tally): Promise<void> {
  let next = 0
  const bodies = job.csrs.map(csr => JSON.stringify({ csr }))
  await everyone(job.inFlight, async () => {
    const client = connect(job.url, job.rootPem)
    for (let at = next++; at < job.tokens.length; at = next++) {
      if (at === job.warmUp) tally.begin()
      const start = performance.now()
      const { code } = await post(
        client,
        '/v1/agent/auth/cert',
        `Bearer ${job.tokens[at]}`,
        bodies[at % bodies.length]!,
      )
      tally.add(performance.now() - start, code)
    }
    await client.close()
  })
}

async function callBare(job: Extract<Job, { kind: 'bare' }>, tally: Tally): Promise<void> {
  let stop = false
  setTimeout(() => tally.begin(), 1000)
  setTimeout(() => (stop = true), 1000 + job.seconds * 1000)
  await everyone(job.inFlight, async () => {
    const client = connect(job.url, job.rootPem)
    while (!stop) {
      const start = performance.now()
      const { code } = await post(client, '/', 'Bearer none', job.body)
      tally.add(performance.now() - start, code)
    }
    await client.close()
  })
}

export const everyone = (count: number, work: (index: number) => Promise<void>) =>
  Promise.all(Array.from({ length: count }, (_, index) => work(index)))

process.once('message', async (job: Job) => {
  const tally = new Tally()
  switch (job.kind) {
    case 'tokens':
      await spendTokens(job, tally)
      break
    case 'renewals':
      await renew(job, tally)
      break
    case 'fleet':
      await renewFleet(job, tally)
      break
    case 'bare':
      await callBare(job, tally)
      break
    case 'calls':
      await makeCalls(job, tally)
      break
  }
  tell({ word: 'done', outcome: tally.outcome() })
  process.disconnect?.()
})
