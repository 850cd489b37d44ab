import { readFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import type { Socket } from 'node:net'
import { LanyardError } from '@lanyard/api'
import { peerPid } from '../../peer/index.ts'

/** What the Docker Engine says: its JSON, not looked into. */
export type EngineReply = { readonly status: number; readonly body: unknown }

const ANSWER_MS = 3_000
const MAX_ANSWER = 4 << 20

function failed(detail: string, cause?: unknown): LanyardError {
  return new LanyardError('attestation_failed', detail, {}, { cause })
}

/**
 * Whether the engine counts processes as we do: `State.Pid` is a number of its namespace. A process of another namespace beside
 * ours has no number here; one beneath ours has several.
 */
function countsAsWeDo(socket: Socket): boolean {
  const pid = peerPid(socket)
  if (pid === null) return false
  try {
    const [, numbers] = /^NSpid:\s*(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return numbers?.trim().split(/\s+/).length === 1
  } catch {
    return false
  }
}

async function bodyOf(reply: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of reply) {
    size += (chunk as Buffer).length
    if (size > MAX_ANSWER) throw failed(`expected at most ${MAX_ANSWER} bytes from the container engine`)
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function send(socketPath: string, path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const call = request({
      socketPath,
      path,
      headers: { host: 'localhost' },
      agent: false,
      signal: AbortSignal.timeout(ANSWER_MS),
    })
    call.on('error', reject)
    call.on('response', resolve)
    call.on('socket', socket =>
      socket.once('connect', () => {
        if (countsAsWeDo(socket)) call.end()
        else call.destroy(failed('the container engine runs in another namespace of processes'))
      }),
    )
  })
}

/** Asks the Docker Engine API over its Unix socket. Throws `attestation_failed`. */
export async function askEngine(socketPath: string, path: string): Promise<EngineReply> {
  try {
    const reply = await send(socketPath, path)
    return { status: reply.statusCode ?? 0, body: JSON.parse(await bodyOf(reply)) }
  } catch (error) {
    throw error instanceof LanyardError ? error : failed('the container engine does not answer', error)
  }
}
