import { isIP } from 'node:net'
import type { JudgeAddress } from './address-rules.ts'
import { OutboundError, type Resolve } from './ports.ts'

/** Where a URL leads, with every address judged. */
export interface Destination {
  readonly url: URL
  /** As in the URL, without the brackets of IPv6. */
  readonly host: string
  /** What the connection is made to, and nothing else: whoever answers a second look-up otherwise gains nothing. */
  readonly addresses: readonly string[]
}

const MAX_URL = 2048
// A name with more addresses is somebody's game.
const MAX_ADDRESSES = 32

/**
 * The destination of a URL: https alone, without user and fragment, all its addresses allowed. One forbidden address
 * among allowed ones refuses too: the connection would go to any of them.
 *
 * @throws OutboundError `forbidden`, `unreachable`
 */
export async function destinationOf(text: string, judge: JudgeAddress, resolve: Resolve): Promise<Destination> {
  const url = readUrl(text)
  const host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname
  const addresses = isIP(host) === 0 ? await lookUp(host, resolve) : [host]
  for (const address of addresses) {
    const kind = judge(address)
    // The address itself is not told: it may be a name of somebody's internal network.
    if (kind !== null)
      throw new OutboundError('forbidden', `expected a public address, got one that is ${kind}, of ${host}`)
  }
  return { url, host, addresses }
}

function readUrl(text: string): URL {
  const url = text.length <= MAX_URL ? URL.parse(text) : null
  if (url === null) throw new OutboundError('forbidden', `expected an https URL of at most ${MAX_URL} characters`)
  if (url.protocol !== 'https:') throw new OutboundError('forbidden', `expected https, got ${url.protocol}`)
  if (url.username !== '' || url.password !== '' || url.hash !== '')
    throw new OutboundError('forbidden', 'expected a URL without user and fragment')
  // With it, the name that is looked up and the name that the certificate is compared with would differ.
  if (url.hostname.endsWith('.')) throw new OutboundError('forbidden', 'expected a host name without a dot at its end')
  return url
}

async function lookUp(host: string, resolve: Resolve): Promise<readonly string[]> {
  let addresses: readonly string[]
  try {
    addresses = await resolve(host)
  } catch (cause) {
    throw new OutboundError('unreachable', `${host} has no address now`, { cause })
  }
  if (addresses.length === 0 || addresses.length > MAX_ADDRESSES)
    throw new OutboundError(
      'unreachable',
      `expected 1 to ${MAX_ADDRESSES} addresses of ${host}, got ${addresses.length}`,
    )
  return addresses
}
