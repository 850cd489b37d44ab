import type { Socket } from 'node:net'
import { IdentityError } from '../errors.ts'
import { MAX_LINE_BYTES, type ProxyError } from './wire.ts'

const NEWLINE = 0x0a

/**
 * The next line, without what ends it. What follows stays in the socket, which is left as if nobody had read from it.
 *
 * @throws IdentityError `workload_api_reply_invalid` for a line that is too long, `workload_api_unreachable` at the end
 */
export function readLine(socket: Socket, maxBytes: number = MAX_LINE_BYTES): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const settled = () => {
      socket.off('readable', onReadable)
      socket.off('close', onClose)
      socket.off('end', onClose)
    }
    const fail = (error: IdentityError) => {
      settled()
      reject(error)
    }
    const onClose = () => fail(new IdentityError('workload_api_unreachable', 'the daemon closed the connection'))
    const onReadable = () => {
      for (let chunk: Buffer | null = socket.read(); chunk !== null; chunk = socket.read()) {
        const at = chunk.indexOf(NEWLINE)
        chunks.push(at === -1 ? chunk : chunk.subarray(0, at))
        size += chunks.at(-1)!.length
        if (size > maxBytes)
          return fail(new IdentityError('workload_api_reply_invalid', `expected a line of at most ${maxBytes} bytes`))
        if (at === -1) continue
        settled()
        if (at + 1 < chunk.length) socket.unshift(chunk.subarray(at + 1))
        return resolve(Buffer.concat(chunks).toString('utf8'))
      }
    }
    socket.on('readable', onReadable)
    socket.once('end', onClose)
    socket.once('close', onClose)
  })
}

/** Hands over each line until the socket closes. What the listener throws closes it. */
export function eachLine(socket: Socket, onLine: (text: string) => void): void {
  const next = (): Promise<void> =>
    readLine(socket).then(text => {
      onLine(text)
      return next()
    })
  next().catch(error => socket.destroy(error))
}

/**
 * An answer of the daemon.
 *
 * @throws IdentityError the error in it, or `workload_api_reply_invalid`
 */
export function parseAnswer<T extends object>(text: string, members: readonly (keyof T & string)[]): T {
  let answer: Record<string, unknown>
  try {
    answer = JSON.parse(text)
  } catch {
    throw new IdentityError('workload_api_reply_invalid', 'expected JSON from the daemon')
  }
  const { error } = answer as { readonly error?: ProxyError }
  if (error !== undefined) throw errorFrom(error)
  for (const name of members)
    if (answer[name] === undefined)
      throw new IdentityError('workload_api_reply_invalid', `expected ${name} in the answer of the daemon`)
  return answer as T
}

/** The error that the daemon tells of. */
export function errorFrom({ code, detail, remedy }: ProxyError): IdentityError {
  return new IdentityError(String(code), String(detail), { remedy: String(remedy) })
}
