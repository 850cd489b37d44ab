import { connect, type SecureContext, type TLSSocket } from 'node:tls'
import { contextOf, credentialsFor, type Source } from '../../../test/support/credential.ts'
import { pause } from '../clock.ts'
import type { Goal } from '../line.ts'

export interface HotCallerOptions extends Source {
  readonly token: string
  readonly connections: number
}

export interface HotCallerRole {
  /** Calls as fast as the answers come, for so long; how many were answered. @throws Error when one was refused */
  saturate(goal: Goal, ms: number): Promise<number>
}

/** One agent that calls without a pause over a few kept-alive connections. */
export async function startHotCaller({ token, connections, ...source }: HotCallerOptions): Promise<HotCallerRole> {
  const [held] = await credentialsFor(source, [token])
  const context = contextOf(held!, source.rootPem)
  const lines = new Map<number, HotLine[]>()
  return {
    async saturate(goal, ms) {
      const known = lines.get(goal.port)?.every(line => line.open)
      if (!known)
        lines.set(
          goal.port,
          Array.from({ length: connections }, () => new HotLine(goal, context)),
        )
      const all = lines.get(goal.port)!
      for (const line of all) line.go()
      await pause(ms)
      return all.map(line => line.rest()).reduce((a, b) => a + b)
    },
  }
}

/**
 * Says the same again as soon as it is answered. All answers are of one length, so it counts bytes and does little else:
 * the server must be the one that has no time left.
 */
class HotLine {
  readonly #socket: TLSSocket
  readonly #request: Buffer
  #length = 0
  #received = 0
  #answered = 0
  #going = false
  #busy = false

  constructor({ host, port }: Goal, secureContext: SecureContext) {
    this.#request = Buffer.from(`GET / HTTP/1.1\r\nhost: ${host}:${port}\r\n\r\n`)
    this.#socket = connect({
      host,
      port,
      secureContext,
      checkServerIdentity: () => undefined,
      ALPNProtocols: ['http/1.1'],
    })
    this.#socket.setNoDelay(true)
    this.#socket.on('data', chunk => this.#take(chunk as unknown as Buffer))
    this.#socket.on('error', () => {})
  }

  get open(): boolean {
    return !this.#socket.destroyed
  }

  go(): void {
    this.#answered = 0
    this.#going = true
    if (!this.#busy) this.#call()
  }

  /** How many answers came since it went on. */
  rest(): number {
    this.#going = false
    return this.#answered
  }

  #call(): void {
    this.#busy = true
    this.#socket.write(this.#request)
  }

  #take(chunk: Buffer): void {
    if (this.#length === 0) {
      const status = chunk.toString('latin1', 0, 12)
      if (status !== 'HTTP/1.1 200') throw new Error(`a call of the living was refused: ${chunk}`)
      this.#length = chunk.length
    }
    this.#received += chunk.length
    if (this.#received < this.#length) return
    if (this.#received > this.#length) throw new Error('expected answers of one length')
    this.#received = 0
    this.#answered += 1
    this.#busy = false
    if (this.#going) this.#call()
  }
}
