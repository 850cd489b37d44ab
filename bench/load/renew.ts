import type { KeyObject } from 'node:crypto'
import { Client } from 'undici'
import { type AgentKeyType, agentKey, type KeyAndCsr } from '../../test/support/agent-key.ts'
import { keyPool } from '../keys.ts'
import { connect, everyone, post, type Tally } from './client.ts'
import type { FleetJob, Job } from './job.ts'

/** What an agent holds between two renewals. */
export interface Held {
  readonly key: KeyObject
  readonly cert: string
}

/** Each worker is an agent that renews without pause: a new connection with its newest certificate, a new key. */
export async function renew(job: Extract<Job, { kind: 'renewals' }>, tally: Tally): Promise<void> {
  const pools = await Promise.all(Array.from({ length: job.inFlight }, () => freshKeys(job.key)))
  const held = await Promise.all(job.tokens.map((token, index) => begin(job, token, pools[index]!)))
  let stop = false
  setTimeout(() => tally.begin(), 1000)
  setTimeout(() => (stop = true), 1000 + job.seconds * 1000)
  await everyone(job.inFlight, async index => {
    let mine = held[index]!
    while (!stop) {
      const next = await pools[index]!()
      const start = performance.now()
      const { code, cert } = await renewOnce(job.url, job.rootPem, mine, next)
      tally.add(performance.now() - start, code)
      if (code !== null) throw new Error(`a renewal was refused: ${code}`)
      mine = { key: next.key, cert }
    }
  })
}

/** A fleet in its steady state, or after an outage. Times count from the moment an agent was due, not from when it got through. */
export async function renewFleet(job: FleetJob, tally: Tally): Promise<void> {
  const fresh = await freshKeys(job.key)
  const held = new Array<Held>(job.tokens.length)
  let next = 0
  await everyone(16, async () => {
    for (let at = next++; at < job.tokens.length; at = next++) held[at] = await begin(job, job.tokens[at]!, fresh)
  })
  const keys = await Promise.all(held.map(fresh))
  tally.begin()
  const start = performance.now()
  await everyone(held.length, async index => {
    const due = start + (index * 1000) / job.ratePerSec
    await new Promise(resolve => setTimeout(resolve, Math.max(0, due - performance.now())))
    tally.add(...(await renewUntilAccepted(job, held[index]!, keys[index]!, due)))
  })
}

// A connection that fails is tried again after a jittered pause, as the SDK does; a refusal is counted as one.
async function renewUntilAccepted(
  job: FleetJob,
  held: Held,
  next: KeyAndCsr,
  due: number,
): Promise<[number, string | null]> {
  for (let pause = 250; ; pause *= 2) {
    try {
      const { code } = await renewOnce(job.url, job.rootPem, held, next)
      return [performance.now() - due, code]
    } catch (error) {
      if (pause > 8000) return [performance.now() - due, (error as { code?: string }).code ?? 'connection_failed']
      await new Promise(resolve => setTimeout(resolve, pause * (0.5 + Math.random())))
    }
  }
}

/** One renewal on a connection of its own. */
export async function renewOnce(url: string, rootPem: string, held: Held, next: KeyAndCsr) {
  const key = held.key.export({ type: 'pkcs8', format: 'pem' }) as string
  const client = new Client(url, { allowH2: false, connect: { ca: rootPem, cert: held.cert, key } })
  try {
    const { code, text } = await post(client, '/v1/agent/auth/cert', '', JSON.stringify({ csr: next.csrPem }))
    return { code, cert: code === null ? certOf(text) : '' }
  } finally {
    client.destroy().catch(() => {})
  }
}

/** The first certificate, by token. */
export async function begin(
  { url, rootPem }: { url: string; rootPem: string },
  token: string,
  fresh: () => Promise<KeyAndCsr>,
): Promise<Held> {
  const client = connect(url, rootPem)
  const { key, csrPem } = await fresh()
  const { code, text } = await post(client, '/v1/agent/auth/cert', `Bearer ${token}`, JSON.stringify({ csr: csrPem }))
  await client.close()
  if (code !== null) throw new Error(`the first certificate was refused: ${code}`)
  return { key, cert: certOf(text) }
}

function certOf(text: string): string {
  const { certificate, chain } = JSON.parse(text) as { certificate: string; chain: string }
  return certificate + chain
}

/** P-256 keys are made anew each time; RSA ones alternate between three made beforehand, so that each is new to its parent. */
async function freshKeys(type: AgentKeyType): Promise<() => Promise<KeyAndCsr>> {
  if (type === 'P-256') return () => agentKey('P-256')
  const pool = await keyPool(type, 3)
  let at = 0
  return async () => pool[at++ % pool.length]!
}
