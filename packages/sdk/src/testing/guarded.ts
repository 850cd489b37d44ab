import { once } from 'node:events'
import type { TestContext } from 'node:test'
import type { TLSSocket } from 'node:tls'
import type { LivenessOptions } from '../feed/options.ts'
import { tenant } from '../guard/authorizer.ts'
import type { GuardStanding } from '../guard/guard.ts'
import type { Handler } from '../guard/serve.ts'
import type { ServeOptions } from '../identity/choices.ts'
import type { LivenessChange } from '../identity/events.ts'
import { Identity } from '../identity/identity.ts'
import { systemTime } from '../time.ts'
import type { SvidOptions } from './ca.ts'
import { FakeAuthority } from './fake-authority.ts'
import { rawClient, whoCalls } from './pair.ts'

/** By the clock of the machine: long enough for a slow one to be heard, short enough to wait for silence. */
const LIVENESS: LivenessOptions = { budgetMs: 2_000, graceMs: 200, heartbeatMs: 500 }

/** For tests that are not about time: a machine that stands still for a moment is not taken for one that slept. */
export const CALM: LivenessOptions = { budgetMs: 30_000, heartbeatMs: 10_000 }

/** An authority with a feed, and identities that follow it. */
export async function feedStage(t: TestContext) {
  const authority = await FakeAuthority.start(systemTime)
  t.after(() => authority.stop())
  const { ca, feed } = authority
  const identity = async (agent: string, liveness: LivenessOptions | false = {}) => {
    const made = await Identity.fromToken({
      ...{ url: authority.url, rootSha256: ca.rootSha256, token: authority.mint(agent), keyType: 'P-256' },
      liveness: liveness === false ? false : { ...LIVENESS, ...liveness },
    })
    t.after(() => made.close())
    return made
  }
  /** Bob serves; `/stream` says one word and goes on. */
  const bob = async (options: Partial<ServeOptions> = {}, liveness: LivenessOptions | false = {}) => {
    const made = await identity('bob', liveness)
    const serving = await made.serve({ allow: tenant('acme'), ...options }, streaming)
    t.after(() => {
      void made.close()
      return serving.close()
    })
    return { ...serving, identity: made }
  }
  const id = (agent: string) => ca.id('acme', agent)
  const client = (port: number, agent: string, options: SvidOptions = {}): TLSSocket => {
    const socket = rawClient(port, ca.svid(id(agent), options), { ca: ca.bundle })
    socket.on('error', () => {})
    t.after(() => socket.destroy())
    return socket
  }
  return { authority, feed, ca, identity, bob, id, client }
}

const streaming: Handler = (request, response) =>
  request.url?.startsWith('/stream') ? response.write('begun') : whoCalls(request, response)

export const GET = 'GET / HTTP/1.1\r\nhost: bob\r\n\r\n'
export const STREAM = 'GET /stream HTTP/1.1\r\nhost: bob\r\n\r\n'

/** Sends, and gives what comes first. */
export async function first(socket: TLSSocket, text: string): Promise<string> {
  if (socket.closed) throw new Error('expected an open connection')
  const ended = new AbortController()
  const end = () => ended.abort(new Error('expected an answer, got the end of the connection'))
  socket.once('close', end)
  try {
    const answer = once(socket, 'data', { signal: ended.signal })
    socket.write(text)
    const [chunk] = await answer
    return String(chunk)
  } finally {
    socket.off('close', end)
  }
}

/**
 * Kept when it is known in this way who is alive, or was: on a busy machine the next standing is there before anybody
 * could look.
 */
export async function standing(identity: Identity, wished: GuardStanding): Promise<void> {
  if (identity.guard.standing === wished) return
  await new Promise<void>(resolve => {
    const see = ({ standing }: LivenessChange) => {
      if (standing !== wished) return
      identity.off('liveness', see)
      resolve()
    }
    identity.on('liveness', see)
  })
}
