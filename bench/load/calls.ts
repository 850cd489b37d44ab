import { Client } from 'undici'
import { everyone, type Tally } from './client.ts'
import type { CallsJob, LoadCall } from './job.ts'

/** Makes calls of any kind. A refusal is counted by its code. */
export async function makeCalls(job: CallsJob, tally: Tally): Promise<void> {
  const next = job.seconds === 'each once' ? spending(job, tally) : repeating(job, job.seconds, tally)
  await everyone(job.inFlight, async () => {
    let client = open(job)
    for (let call = next(); call !== null; call = next()) {
      const start = performance.now()
      if (job.fresh) client = open(job)
      const code = await make(client, call)
      tally.add(performance.now() - start, code)
      if (job.fresh) client.destroy().catch(() => {})
    }
    await client.destroy()
  })
}

const open = ({ url, rootPem, tls = undefined }: CallsJob) =>
  new Client(url, { allowH2: false, connect: { ca: rootPem, ...tls }, pipelining: 1, keepAliveTimeout: 60_000 })

/** Each once; the first fifth warms up. */
function spending({ calls }: CallsJob, tally: Tally): () => LoadCall | null {
  let at = 0
  return () => {
    if (at === Math.floor(calls.length / 5)) tally.begin()
    return calls[at++] ?? null
  }
}

/** In turn, from the beginning again; the first second warms up. */
function repeating({ calls }: CallsJob, seconds: number, tally: Tally): () => LoadCall | null {
  let at = 0
  let over = false
  setTimeout(() => tally.begin(), 1000)
  setTimeout(() => (over = true), 1000 + seconds * 1000)
  return () => (over ? null : calls[at++ % calls.length]!)
}

async function make(client: Client, { path, method, headers, body }: LoadCall): Promise<string | null> {
  const reply = await client.request({ path, method, headers, body: body ?? null })
  const text = await reply.body.text()
  if (reply.statusCode < 300) return null
  return String((JSON.parse(text) as { code?: string }).code ?? reply.statusCode)
}
