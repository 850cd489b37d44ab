import type { IncomingMessage } from 'node:http'
import { Agent, type RequestOptions, request } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls'
import { addressRules, type JudgeAddress } from './address-rules.ts'
import { type Destination, destinationOf } from './destination.ts'
import { type Outbound, OutboundError, type OutboundReply, type OutboundRequest, type Resolve } from './ports.ts'
import { systemResolve } from './system-resolve.ts'

const MAX_HEADER_BYTES = 16_384
const LOOK_UP_MS = 5000

export interface OutboundParts {
  /** Networks (CIDR) that may be asked although they are not public. */
  readonly allow: readonly string[]
  /** PEM certificates of authorities beside those that Node trusts. */
  readonly roots: readonly string[]
  /** The system's when absent. */
  readonly resolve?: Resolve
}

/**
 * Asks servers whose URLs come from others. TLS alone; no redirects, no proxies, no cookies, no compression; each
 * request on a connection of its own, to an address that was judged, under the name of the URL; the answer capped in
 * size and time.
 *
 * @throws TypeError for what is no network
 */
export function openOutbound({ allow, roots, resolve = systemResolve }: OutboundParts): Outbound {
  const judge = addressRules(allow)
  const secureContext = createSecureContext({
    ca: [...getCACertificates('default'), ...roots],
    minVersion: 'TLSv1.2',
  })
  return {
    async ask(outbound) {
      const signal = AbortSignal.timeout(outbound.timeoutMs)
      try {
        const destination = await within(signal, destinationOf(outbound.url, judge, resolve))
        return await within(signal, send(outbound, destination, { signal, secureContext }))
      } catch (error) {
        throw asOutboundError(error, signal, outbound)
      }
    },
    require: url => requireUrl(url, judge, resolve),
  }
}

async function requireUrl(url: string, judge: JudgeAddress, resolve: Resolve): Promise<void> {
  const signal = AbortSignal.timeout(LOOK_UP_MS)
  try {
    await within(signal, destinationOf(url, judge, resolve))
  } catch (error) {
    if (error instanceof OutboundError && error.code === 'forbidden') throw error
    if (!(error instanceof OutboundError || signal.aborted)) throw error
  }
}

/** A look-up cannot be called off, only left alone. */
async function within<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  if (signal.aborted) work.catch(() => {})
  signal.throwIfAborted()
  const { promise: late, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work, late])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

interface Way {
  readonly signal: AbortSignal
  readonly secureContext: SecureContext
}

async function send(outbound: OutboundRequest, destination: Destination, way: Way): Promise<OutboundReply> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const asked = request(optionsOf(outbound, destination, way))
  asked.on('response', resolve).on('error', reject)
  // HTTP/1.1 lets a server change the protocol; we have asked for none.
  asked.on('upgrade', (_response, socket) => {
    socket.destroy()
    reject(new OutboundError('refused', 'expected an answer, got another protocol'))
  })
  asked.end(outbound.form === undefined ? undefined : new URLSearchParams(outbound.form).toString())
  try {
    const response = await promise
    requirePlain(response, outbound.maxBytes)
    return { text: await readBody(response, outbound.maxBytes) }
  } finally {
    asked.destroy()
  }
}

function optionsOf(
  { form, authorization }: OutboundRequest,
  { url, host, addresses }: Destination,
  way: Way,
): RequestOptions {
  return {
    method: form === undefined ? 'GET' : 'POST',
    host,
    port: url.port === '' ? 443 : Number(url.port),
    path: `${url.pathname}${url.search}`,
    headers: {
      host: url.host,
      accept: 'application/json',
      'accept-encoding': 'identity',
      'user-agent': 'lanyard',
      ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
      ...(authorization === undefined ? {} : { authorization }),
    },
    // One of its own, so that no connection, session or proxy of anybody else is used.
    agent: new Agent({ keepAlive: false, maxCachedSessions: 0, secureContext: way.secureContext }),
    lookup: only(addresses),
    servername: isIP(host) === 0 ? host : '',
    // Said although it is the default: NODE_TLS_REJECT_UNAUTHORIZED changes that.
    rejectUnauthorized: true,
    maxHeaderSize: MAX_HEADER_BYTES,
    signal: way.signal,
  }
}

/** Answers the look-up of the connection with what was judged, whatever a second look-up would say. */
const only =
  (addresses: readonly string[]): LookupFunction =>
  (_host, options, callback) => {
    const all = addresses.map(address => ({ address, family: isIP(address) }))
    if (options.all === true) callback(null, all)
    else callback(null, all[0]!.address, all[0]!.family)
  }

function requirePlain({ statusCode, headers }: IncomingMessage, maxBytes: number): void {
  if (statusCode !== 200) throw new OutboundError('refused', `expected status 200, got ${statusCode}`)
  const encoding = headers['content-encoding'] ?? 'identity'
  // A small answer that unpacks to a large one.
  if (encoding !== 'identity') throw new OutboundError('refused', 'expected an answer without compression')
  if (Number(headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes)
}

async function readBody(response: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > maxBytes) throw tooLarge(maxBytes)
    chunks.push(chunk)
  }
  if (!response.complete) throw new OutboundError('unreachable', 'expected a whole answer')
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
  } catch (cause) {
    throw new OutboundError('refused', 'expected an answer in UTF-8', { cause })
  }
}

const tooLarge = (maxBytes: number) => new OutboundError('refused', `expected an answer of at most ${maxBytes} bytes`)

function asOutboundError(error: unknown, signal: AbortSignal, { url, timeoutMs }: OutboundRequest): OutboundError {
  if (error instanceof OutboundError) return error
  const host = URL.parse(url)?.host ?? 'the host'
  if (signal.aborted)
    return new OutboundError('unreachable', `expected an answer of ${host} within ${timeoutMs} ms`, { cause: error })
  const { code = 'no connection' } = error as NodeJS.ErrnoException
  return new OutboundError('unreachable', `expected an answer of ${host}, got ${code}`, { cause: error })
}
