import { type ConnectionOptions, type TLSSocket, connect as tlsConnect } from 'node:tls'
import type { CallOptions } from './client.ts'

/** A TLS connection that a test writes bytes to, and collects what comes back from. */
export interface RawConnection {
  readonly socket: TLSSocket
  write(bytes: string | Uint8Array): void
  /** Everything that came, once the text satisfies `enough`. Fails when the connection ends before. */
  until(enough: (text: string) => boolean): Promise<string>
  /** Everything that came until the other side closed. */
  closed(): Promise<string>
}

/** Connects and shakes hands; fails with the error of the socket. */
export function connectRaw(port: number, ca: string, options: ConnectionOptions = {}): Promise<RawConnection> {
  const socket = tlsConnect({ host: '127.0.0.1', servername: 'localhost', port, ca, ...options })
  let text = ''
  let over = false
  const waiting = new Set<() => void>()
  const wake = () => {
    for (const look of waiting) look()
  }
  socket.on('data', chunk => {
    text += chunk.toString('latin1')
    wake()
  })
  socket.on('close', () => {
    over = true
    wake()
  })
  const when = (done: () => boolean) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        if (!done() && !over) return
        waiting.delete(look)
        if (done()) resolve(text)
        else reject(new Error(`the connection ended after ${JSON.stringify(text)}`))
      }
      waiting.add(look)
      look()
    })
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('secureConnect', () => {
      socket.off('error', reject)
      // Being cut off is what many tests expect.
      socket.on('error', () => {})
      resolve({
        socket,
        write: bytes => void socket.write(bytes),
        until: enough => when(() => enough(text)),
        closed: () => when(() => over),
      })
    })
  })
}

/** Status, and code of the problem, of the last reply in a text. */
export function lastReply(text: string): { status: number; code: string | undefined } {
  const start = startOfLast(text)
  const reply = text.slice(start)
  const body = reply.slice(reply.indexOf('\r\n\r\n') + 4)
  return { status: Number(reply.slice(9, 12)), code: body.startsWith('{') ? JSON.parse(body).code : undefined }
}

/** Whether the text holds a whole last reply. */
export function isWhole(text: string): boolean {
  const start = startOfLast(text)
  const end = text.indexOf('\r\n\r\n', start)
  if (start < 0 || end < 0) return false
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(start, end))?.[1]
  return length === undefined || text.length >= end + 4 + Number(length)
}

const startOfLast = (text: string) => [...text.matchAll(/HTTP\/1\.1 \d{3} /g)].at(-1)?.index ?? -1

/** Sends the head of a call, waits until it was taken in, lets `meanwhile` happen, then sends the body. */
export async function heldBack(
  { port, rootPem }: { readonly port: number; readonly rootPem: string },
  call: string,
  { token, tls, headers = {}, body }: CallOptions,
  meanwhile: () => Promise<unknown>,
): Promise<ReturnType<typeof lastReply>> {
  const text = JSON.stringify(body)
  const connection = await connectRaw(port, rootPem, { ...tls })
  const head = [
    `${call} HTTP/1.1`,
    'Host: x',
    ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(text)}`,
    'Expect: 100-continue',
  ]
  connection.write(`${head.join('\r\n')}\r\n\r\n`)
  // Only who has authenticated is told to go on.
  await connection.until(got => got.startsWith('HTTP/1.1 100'))
  await meanwhile()
  connection.write(text)
  const reply = lastReply(await connection.until(got => got.lastIndexOf('HTTP/1.1') > 0 && isWhole(got)))
  connection.socket.destroy()
  return reply
}
