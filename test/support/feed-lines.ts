import type { TLSSocket } from 'node:tls'
import { type FeedLine, FeedVerifier, TrustDomain } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import type { PlainCaller } from './caller.ts'
import type { LanyardUp } from './lanyard-up.ts'
import { certificateOf } from './root.ts'

/** A connection that has asked for the feed. Whoever does not iterate does not read. */
export interface Follower {
  readonly socket: TLSSocket
  /** Its lines, each verified. */
  lines(): AsyncGenerator<FeedLine>
}

/** Asks an instance for its feed, by hand. */
export async function followFeed(caller: PlainCaller, up: LanyardUp): Promise<Follower> {
  const url = new URL(up.ready.url)
  const where = { host: url.hostname, port: Number(url.port) }
  const socket = await caller.connect(where, { ALPNProtocols: ['http/1.1'] })
  socket.write(`GET /v1/feed HTTP/1.1\r\nhost: ${url.host}\r\n\r\n`)
  const verifier = new FeedVerifier({
    trustDomain: TrustDomain.parse(up.ready.trust_domain),
    roots: () => [certificateOf(up.rootPem)],
    crypto: nodeCrypto,
  })
  return {
    socket,
    async *lines() {
      for await (const token of tokensOf(socket)) yield verifier.verify(token, Date.now())
    },
  }
}

/** Whatever stands in a line of its own and is a JWS: header and chunks of HTTP/1.1 are not. */
async function* tokensOf(socket: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of socket) {
    rest += chunk.toString('latin1')
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
      const token = /^[\w-]+\.[\w-]+\.[\w-]+$/.exec(rest.slice(0, end).trim())
      rest = rest.slice(end + 1)
      if (token) yield token[0]
    }
  }
}
