import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { agentId, caller, type Identity, type Serving } from '@lanyard/sdk'

/** Clocks may differ by so much: the SDK keeps a connection for as long after the end of its certificate. */
const SKEW_MS = 10_000

/** One connection, as the server of it sees it. Unix milliseconds. */
export interface CrowdConnection {
  readonly madeAt: number
  /** When the certificates end that it was made with. */
  readonly callerEnds: number
  readonly hostEnds: number
  calls: number
  lastCallAt: number
}

interface Pair {
  readonly caller: Identity
  readonly host: Identity
  readonly service: Serving
}

/** Identities that call each other over connections that are kept alive. */
export class Crowd {
  readonly #identities: readonly Identity[]
  readonly #now: () => number
  readonly #pairs: Pair[] = []
  readonly #bySocket = new WeakMap<object, CrowdConnection>()
  /** All that there were, in the order in which they were made. */
  readonly connections: CrowdConnection[] = []
  /** What went wrong, in order. */
  readonly trouble: string[] = []
  /** Renewals by each identity. */
  readonly renewals: number[]
  calls = 0

  private constructor(identities: readonly Identity[], now: () => number) {
    this.#identities = identities
    this.#now = now
    this.renewals = identities.map(() => 0)
    for (const [at, identity] of identities.entries()) {
      identity.on('renewed', () => this.renewals[at]!++)
      identity.on('failing', ({ error }) => this.trouble.push(`${at} failing: ${error.code}`))
      identity.on('lost', ({ code }) => this.trouble.push(`${at} lost: ${code}`))
      identity.on('withdrawn', ({ code }) => this.trouble.push(`${at} withdrawn: ${code}`))
      identity.on('refused', ({ error }) => this.trouble.push(`${at} refused: ${error.code} ${error.message}`))
      identity.on('unguarded', () => {})
    }
  }

  /** All serve and all call: each allows exactly the one before it. `now` is the clock of all of them. */
  static async ring(identities: readonly Identity[], now: () => number = Date.now): Promise<Crowd> {
    const crowd = new Crowd(identities, now)
    await Promise.all(identities.map((host, at) => crowd.#pair(identities.at(at - 1)!, host)))
    return crowd
  }

  /** Callers and hosts, one of each: a host allows exactly its caller. */
  static async pairs(callers: readonly Identity[], hosts: readonly Identity[], now: () => number): Promise<Crowd> {
    const crowd = new Crowd([...callers, ...hosts], now)
    await Promise.all(hosts.map((host, at) => crowd.#pair(callers[at]!, host)))
    return crowd
  }

  /** One call by each caller, all at once; what fails is trouble. */
  async callRound(): Promise<void> {
    await Promise.all(this.#pairs.map((pair, at) => this.#call(pair, at)))
  }

  /** Calls by each, with pauses between, until `end` of the wall clock. */
  async callUntil(end: number, pauseMs: number): Promise<void> {
    await Promise.all(
      this.#pairs.map(async (pair, at) => {
        while (Date.now() < end) {
          await this.#call(pair, at)
          await pause(pauseMs)
        }
      }),
    )
  }

  async close(): Promise<void> {
    await Promise.all(this.#pairs.map(({ service }) => service.close()))
    await Promise.all(this.#identities.map(identity => identity.close()))
  }

  async #pair(from: Identity, host: Identity): Promise<void> {
    const service = await host.serve({ allow: agentId(from.id) }, (request, response) => {
      const connection = this.#bySocket.get(request.socket)!
      const now = this.#now()
      const known = (caller(request).notAfter + 1) * 1000
      // The caller makes another connection as soon as it has another certificate; whom it calls may have had another for a while.
      assert.equal(known, connection.callerEnds)
      if (now >= known) this.trouble.push(`a caller was known by a certificate that had ended ${now - known} ms ago`)
      if (now >= connection.hostEnds + SKEW_MS) this.trouble.push('a host was known by a certificate that had ended')
      connection.calls++
      connection.lastCallAt = now
      response.end('here')
    })
    service.server.on('secureConnection', (socket: TLSSocket) => this.#connected(socket))
    service.server.on('tlsClientError', error => this.trouble.push(`a handshake failed: ${error}`))
    this.#pairs.push({ caller: from, host, service })
  }

  /** A handshake is done, and the door has let it pass: which certificates did both show? */
  #connected(socket: TLSSocket): void {
    const madeAt = this.#now()
    const [callerEnds, hostEnds] = [socket.getPeerX509Certificate(), socket.getX509Certificate()].map(
      certificate => Date.parse(certificate!.validTo) + 1000,
    ) as [number, number]
    if (madeAt >= Math.min(callerEnds, hostEnds)) this.trouble.push('a certificate was shown that had ended')
    const connection = { madeAt, callerEnds, hostEnds, calls: 0, lastCallAt: madeAt }
    this.connections.push(connection)
    this.#bySocket.set(socket, connection)
  }

  async #call({ caller: from, host, service }: Pair, at: number): Promise<void> {
    try {
      const reply = await from.fetch(service.url, { peer: agentId(host.id) })
      assert.equal(await reply.text(), 'here')
      assert.equal(reply.status, 200)
      this.calls++
    } catch (error) {
      this.trouble.push(`${at}: ${(error as { code?: string }).code ?? ''} ${error}`)
    }
  }
}
