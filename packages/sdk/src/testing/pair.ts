import type { EventEmitter } from 'node:events'
import type { TestContext } from 'node:test'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { type Authorizer, tenant } from '../guard/authorizer.ts'
import { caller } from '../guard/caller.ts'
import type { Handler } from '../guard/serve.ts'
import type { Refused } from '../identity/events.ts'
import type { Svid } from '../identity/svid.ts'
import type { TimeSource } from '../time.ts'
import { TestCa } from './ca.ts'
import { identityWith } from './files.ts'

export const ca = new TestCa()
export const ALICE = ca.id('acme', 'alice')
export const BOB = ca.id('acme', 'bob')
export const EVE = ca.id('globex', 'eve')

export const whoCalls: Handler = (request, response) => response.end(`${caller(request).id}`)

export interface BobOptions {
  readonly allow?: Authorizer
  readonly handler?: Handler
  readonly time?: TimeSource
  readonly svid?: Svid
  readonly onError?: (error: unknown) => void
}

/** Bob's service: answers his tenant with the ID of the caller, and counts. */
export async function bobServes(t: TestContext, options: BobOptions = {}) {
  const { allow = tenant('acme'), handler = whoCalls, time, svid = ca.svid(BOB), onError } = options
  const { identity, replace } = await identityWith(t, svid, time)
  const seen = { requests: 0, connections: 0, refused: [] as Refused[] }
  const choice = { allow, ...(onError ? { onError } : {}) }
  const serving = await identity.serve(choice, (request, response) => {
    seen.requests++
    return handler(request, response)
  })
  serving.server.on('secureConnection', () => seen.connections++)
  identity.on('refused', refused => seen.refused.push(refused))
  t.after(() => {
    serving.server.closeAllConnections()
    return serving.close()
  })
  return { ...serving, identity, replace, seen }
}

/** A TLS client that follows none of the rules, or only those that it is told to. */
export function rawClient(port: number, svid: Svid | null, options: ConnectionOptions = {}): TLSSocket {
  const own = svid === null ? {} : { cert: svid.certificate + svid.chain, key: svid.privateKeyPem() }
  return connect({ port, host: '127.0.0.1', ca: ca.bundle, checkServerIdentity: () => undefined, ...own, ...options })
}

/** All that comes until the other side ends, or the code of the error that did. */
export function answerOn(socket: TLSSocket): Promise<string> {
  return new Promise(resolve => {
    let text = ''
    socket.on('data', chunk => {
      text += chunk
    })
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    socket.once('close', () => resolve(text))
  })
}

/** Kept once a socket, session or stream has closed, be it by a reset. */
export function gone(carrier: EventEmitter): Promise<void> {
  carrier.on('error', () => {})
  return new Promise(resolve => carrier.once('close', () => resolve()))
}
