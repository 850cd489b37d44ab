import type { IncomingMessage } from 'node:http'
import { type Agent, request } from 'node:https'
import { explain, type HttpReply } from './exchange.ts'

interface Reading {
  readonly agent: Agent
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly stopped: AbortSignal
  /** The error that a refusal is. */
  refused(reply: HttpReply): Error
}

/** More than the longest line of the feed. */
const MAX_LINE = 20 * 1024 * 1024
/** A feed tells something each second, or as often as its heartbeat is set. */
const SILENCE_MS = 30_000

/** The lines of a reply without end. Ends only when stopped; whatever else ends it is `server_unreachable`. */
export async function* readLines(reading: Reading): AsyncGenerator<string> {
  const { url, stopped } = reading
  try {
    const reply = await open(reading)
    if (reply.statusCode !== 200) throw reading.refused(await whole(reply))
    yield* split(reply)
    throw new Error('the feed ended')
  } catch (error) {
    if (stopped.aborted) return
    throw (error as Error).name === 'Refusal' ? error : explain(error as Error, url)
  }
}

function open({ agent, url, headers, stopped }: Reading): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method: 'GET', agent, headers, signal: stopped }, resolve)
    outgoing.setTimeout(SILENCE_MS, () => outgoing.destroy(new Error(`nothing came for ${SILENCE_MS / 1000} s`)))
    outgoing.on('error', reject)
    outgoing.end()
  })
}

async function* split(reply: IncomingMessage): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of reply.setEncoding('utf8')) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > MAX_LINE) throw new Error(`a line of more than ${MAX_LINE} characters`)
    yield* lines.filter(line => line !== '')
  }
}

async function whole(reply: IncomingMessage): Promise<HttpReply> {
  let body = ''
  for await (const chunk of reply.setEncoding('utf8')) {
    body += chunk
    if (body.length > MAX_LINE) throw new Error(`a refusal of more than ${MAX_LINE} characters`)
  }
  return { status: reply.statusCode ?? 0, type: reply.headers['content-type'] ?? '', body, date: null }
}
