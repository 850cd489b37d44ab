import { type EventEmitter, once } from 'node:events'
import type { ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2'

/**
 * Kept once a stream, session or socket has closed, be it by a reset. To be asked for before anything can close it: what
 * closed before is not heard of, and one piece of the network may bring a reply and the end.
 */
export function closed(carrier: EventEmitter): Promise<void> {
  carrier.on('error', () => {})
  return new Promise(resolve => carrier.once('close', () => resolve()))
}

/** The head of the reply. Fails with the stream, also where it ends without one, which Node calls no error. */
export async function headOf(
  stream: ClientHttp2Stream,
): Promise<IncomingHttpHeaders & { readonly ':status'?: number }> {
  const ended = new AbortController()
  const onClose = () => ended.abort(new Error(`the stream ended without a reply, code ${stream.rstCode}`))
  stream.once('close', onClose)
  try {
    const [head] = await once(stream, 'response', { signal: ended.signal })
    return head
  } catch (error) {
    throw ended.signal.aborted ? ended.signal.reason : error
  } finally {
    stream.off('close', onClose)
  }
}
