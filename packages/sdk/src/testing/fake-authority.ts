import { createHash, randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createSecureServer, type Http2SecureServer } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { decodePem, jwkFromSpki, jwkThumbprint, parsePublicKey, toHex, verifyCsr } from '@lanyard/protocol'
import { nodeCrypto, spkiOf } from '@lanyard/protocol/node'
import type { TimeSource } from '../time.ts'
import { ecKey, pem, TestCa } from './ca.ts'
import { FakeFeed } from './fake-feed.ts'
import { FakeVouching } from './fake-vouching.ts'

/** A request as the authority saw it. */
export interface Seen {
  readonly path: string
  readonly token: string | null
  /** Serial number of the client certificate. */
  readonly parent: string | null
  /** SHA-256 of the public key asked for. */
  readonly key: string | null
  readonly ttlSec: number | undefined
}

interface Problem {
  readonly status: number
  readonly code: string
  readonly headers?: Record<string, string>
}

/** How it answers in place of what it should: with a problem, not at all, or only after it did what was asked. */
export type Mishap = { readonly problem: Problem } | { readonly cut: 'before' | 'after' }

interface Lineage {
  readonly agent: string
  /** Thumbprint of the one key that its token certifies; null: of the first that comes. */
  readonly jkt: string | null
  /** What the next certificate is asked for with, and the key that it was asked for with. */
  readonly children: Map<string, string>
  newest: string | null
  frozen: boolean
}

const LOCALHOST = { dns: ['localhost'], ip: [Uint8Array.of(127, 0, 0, 1)] }

/**
 * A small authority that works: real certificates over real TLS, one key for each token, one child for each certificate.
 * What it does not have is a store, tenants and people.
 */
export class FakeAuthority {
  readonly ca = new TestCa()
  /** The identity provider of the tenant acme. */
  readonly provider = new FakeVouching((agent, jkt) => this.mint(agent, jkt))
  readonly seen: Seen[] = []
  readonly mishaps: Mishap[] = []
  ttlSec = 300
  /** When to renew, in seconds from the issue; half of the lifetime when null. */
  renewAfterSec: number | null = null
  keyPolicy: 'rsa-only' | 'modern' = 'modern'
  /** Another agent that renewals are answered for. */
  actAs: string | null = null
  /** Added to the clock that its clients have, in milliseconds. */
  skew = 0
  readonly #time: TimeSource
  /** Deaths, and what enforcement points say. */
  readonly feed: FakeFeed
  readonly #server: Http2SecureServer
  readonly #sockets = new Set<Socket>()
  readonly #tokens = new Map<string, Lineage>()
  readonly #certificates = new Map<string, Lineage>()

  private constructor(time: TimeSource, names: { readonly dns: string[]; readonly ip: Uint8Array[] }) {
    this.#time = time
    const key = ecKey()
    const now = Math.floor(Date.now() / 1000)
    const leaf = this.ca.leaf({ spki: spkiOf(key), ...names, notBefore: now - 86_400, notAfter: now + 30 * 86_400 })
    this.feed = new FakeFeed(this.ca, () => this.#now())
    this.#server = createSecureServer(
      {
        allowHTTP1: true,
        key: key.export({ type: 'pkcs8', format: 'pem' }),
        cert: pem(leaf) + this.ca.chain,
        ca: this.ca.bundle,
        requestCert: true,
        rejectUnauthorized: false,
        minVersion: 'TLSv1.3',
      },
      (request, response) =>
        this.#serve(request as unknown as IncomingMessage, response as unknown as ServerResponse).catch(() =>
          request.destroy(),
        ),
    )
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  static async start(time: TimeSource, names: { dns: string[]; ip: Uint8Array[] } = LOCALHOST) {
    const authority = new FakeAuthority(time, names)
    await authority.#listen(0)
    return authority
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`
  }

  /** A token for the first certificate of a new lineage. */
  mint(agent = 'a', jkt: string | null = null): string {
    const token = `token-${randomBytes(8).toString('hex')}`
    this.#tokens.set(token, { agent, jkt, children: new Map(), newest: null, frozen: false })
    return token
  }

  /** Puts one more mishap in line. */
  mishap(mishap: Mishap): this {
    this.mishaps.push(mishap)
    return this
  }

  refuse(status: number, code: string, headers: Record<string, string> = {}): this {
    return this.mishap({ problem: { status, code, headers } })
  }

  /** Requests for certificates. */
  get asked(): readonly Seen[] {
    return this.seen.filter(({ path }) => path === '/v1/agent/auth/cert')
  }

  /** Breaks every connection, as a network does. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async stop(): Promise<void> {
    const closed = new Promise(resolve => this.#server.close(resolve))
    this.feed.stop()
    this.cutAll()
    await closed
  }

  #listen(port: number): Promise<void> {
    return new Promise(resolve => this.#server.listen(port, '127.0.0.1', resolve))
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === '/v1/root.pem') {
      this.seen.push({ path: request.url, token: null, parent: null, key: null, ttlSec: undefined })
      response.writeHead(200, { 'content-type': 'application/x-pem-file' }).end(this.ca.bundle)
      return
    }
    if (await this.feed.serve(request, response)) return
    const text = await textOf(request)
    if (request.url === '/v1/agent/federated-bootstrap') {
      const exchanged = this.provider.hear(request, text)
      return this.#answer(request, response, 200, () => this.provider.exchange(exchanged))
    }
    const body = JSON.parse(text) as { csr: string; ttl_sec?: number }
    const spki = verifyCsr(decodePem(body.csr, { labels: ['CERTIFICATE REQUEST'] })[0]!.der, nodeCrypto).der
    const seen = {
      path: request.url!,
      token: /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? null,
      parent: serialOf(request.socket as TLSSocket),
      key: createHash('sha256').update(spki).digest('hex'),
      ttlSec: body.ttl_sec,
    }
    this.seen.push(seen)
    this.#answer(request, response, 201, () => this.#issue(seen, spki))
  }

  #answer(request: IncomingMessage, response: ServerResponse, status: number, act: () => object): void {
    const mishap = this.mishaps.shift()
    const answer = mishap && 'problem' in mishap ? mishap.problem : mishap?.cut === 'before' ? null : act()
    if (answer === null || (mishap && 'cut' in mishap)) request.socket.destroy()
    else if ('code' in answer) this.#refuse(response, answer as Problem)
    else {
      const date = new Date(this.#now()).toUTCString()
      response.writeHead(status, { 'content-type': 'application/json', date }).end(JSON.stringify(answer))
    }
  }

  #refuse(response: ServerResponse, problem: Problem): void {
    const { status, code, headers } = problem
    const body = { code, status, detail: `told to say ${code}`, remedy: `Remedy for ${code}.`, request_id: 'r-1' }
    response.writeHead(status, { 'content-type': 'application/problem+json', ...headers }).end(JSON.stringify(body))
  }

  #now(): number {
    return this.#time.now() + this.skew
  }

  #issue({ token, parent, key, ttlSec = this.ttlSec }: Seen, spki: Uint8Array) {
    const lineage = token === null ? this.#certificates.get(parent ?? '') : this.#tokens.get(token)
    if (lineage === undefined) return { status: 401, code: 'unauthenticated' }
    if (lineage.frozen) return { status: 403, code: 'lineage_forked' }
    if (ttlSec > this.ttlSec) return { status: 400, code: 'ttl_out_of_range' }
    if (this.keyPolicy === 'rsa-only' && parsePublicKey(spki).type !== 'RSA')
      return { status: 400, code: 'key_type_forbidden' }
    if (token !== null && lineage.jkt !== null && lineage.jkt !== jwkThumbprint(jwkFromSpki(spki), nodeCrypto))
      return { status: 403, code: 'token_key_mismatch' }
    const credential = token ?? parent!
    const earlier = lineage.children.get(credential)
    if (earlier !== undefined && earlier !== key) {
      lineage.frozen = token === null
      return { status: 403, code: token === null ? 'lineage_forked' : 'token_reused' }
    }
    lineage.children.set(credential, key!)
    return this.#sign(lineage, spki, ttlSec)
  }

  #sign(lineage: Lineage, spki: Uint8Array, ttlSec: number) {
    const at = Math.floor(this.#now() / 1000)
    const spiffeId = this.ca.id('acme', this.actAs ?? lineage.agent)
    const leaf = this.ca.leaf({ spki, uri: [spiffeId], notBefore: at - 10, notAfter: at + ttlSec - 1 })
    this.#certificates.set(leaf.serialHex, lineage)
    lineage.newest = leaf.serialHex
    return {
      certificate: pem(leaf),
      chain: this.ca.chain,
      bundle: this.ca.bundle,
      spiffe_id: spiffeId,
      serial: leaf.serialHex,
      not_before: rfc3339(leaf.notBefore),
      not_after: rfc3339(leaf.notAfter),
      reputation_tier: 'silver',
      validity_sec: ttlSec,
      renew_after: new Date((at + (this.renewAfterSec ?? ttlSec / 2)) * 1000).toISOString(),
    }
  }
}

const rfc3339 = (seconds: number) => new Date(seconds * 1000).toISOString()

export async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

function serialOf(socket: TLSSocket): string | null {
  const certificate = socket.getPeerX509Certificate()
  return certificate === undefined ? null : toHex(Buffer.from(certificate.serialNumber, 'hex'))
}
