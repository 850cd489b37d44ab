import { once } from 'node:events'
import { Agent, request } from 'node:https'
import { connect, type TLSSocket } from 'node:tls'
import type { Credential } from './credential.ts'
import { gone } from './gone.ts'

/** Where a service listens. */
export interface Where {
  readonly host: string
  readonly port: number
}

/** An answer, or the code of the error that came in its place. */
export interface Outcome {
  readonly status: number | null
  readonly code: string | null
  readonly text: string
}

/**
 * A program with a certificate and without the SDK: it calls over one kept-alive connection, and goes on as if nothing was
 * when that is cut. It verifies the chain of the service, not its name.
 */
export class PlainCaller {
  readonly #tls: Credential & { readonly ca: string; readonly checkServerIdentity: () => undefined }
  readonly #agent: Agent

  constructor(credential: Credential, rootPem: string) {
    this.#tls = { ...credential, ca: rootPem, checkServerIdentity: () => undefined }
    this.#agent = new Agent({ ...this.#tls, keepAlive: true, maxSockets: 1 })
  }

  /** For clients of other protocols. */
  get tls(): object {
    return this.#tls
  }

  call({ host, port }: Where, path = '/'): Promise<Outcome> {
    return new Promise(resolve => {
      const asked = request({ host, port, path, agent: this.#agent }, response => {
        let text = ''
        response.setEncoding('utf8').on('data', chunk => (text += chunk))
        response.on('error', error => resolve(failed(error)))
        response.on('end', () => resolve({ status: response.statusCode!, code: codeIn(text), text }))
      })
      asked.on('error', error => resolve(failed(error)))
      asked.end()
    })
  }

  /** A stream that is open: its first bytes are here. The promise in it is kept when it ends, however it does. */
  async stream({ host, port }: Where, path = '/stream'): Promise<{ readonly ended: Promise<void> }> {
    const asked = request({ host, port, path, agent: false, ...this.#tls })
    asked.end()
    const [response] = await once(asked, 'response')
    await once(response, 'data')
    asked.on('error', () => {})
    response.resume()
    return { ended: gone(response) }
  }

  /** A bare TLS connection. */
  async connect({ host, port }: Where, options: object = {}): Promise<TLSSocket> {
    const socket = connect({ host, port, ...this.#tls, ...options })
    socket.on('error', () => {})
    await Promise.race([once(socket, 'secureConnect'), once(socket, 'close')])
    return socket
  }

  close(): void {
    this.#agent.destroy()
  }
}

const failed = (error: unknown): Outcome => ({
  status: null,
  code: (error as { code?: string }).code ?? String(error),
  text: '',
})

function codeIn(text: string): string | null {
  try {
    return (JSON.parse(text) as { code?: string }).code ?? null
  } catch {
    return null
  }
}
