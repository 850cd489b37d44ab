import { randomBytes } from 'node:crypto'
import type { AnyRequest } from './listener.ts'

// Unique among instances and restarts by its random half, within a process by its counter; short, since every
// certificate's row carries one.
const half = BigInt(`0x${randomBytes(5).toString('hex')}`)
  .toString(36)
  .padStart(8, '0')
let count = 0

/** A name for one request: in its reply, in the log and in the events. */
export const newRequestId = () => `${half}-${(count++).toString(36)}`

const AUTHZEN = /^\/(?:access\/v1\/|\.well-known\/authzen-configuration(?:\?|$))/
const SHORT_AND_VISIBLE = /^[!-~]{1,128}$/

/**
 * What a client of AuthZEN calls its request, which its reply must carry again (Authorization API 1.0, “Request
 * Identification”). Null for every other call, and where the header is longer than 128 characters, is there twice, or
 * holds what is not visible ASCII: then the reply has a name of ours, as any other.
 */
export function givenRequestId({ url, rawHeaders }: Pick<AnyRequest, 'url' | 'rawHeaders'>): string | null {
  if (!AUTHZEN.test(url ?? '')) return null
  const given = rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === 'x-request-id')
  const [id] = given
  return given.length === 1 && id !== undefined && SHORT_AND_VISIBLE.test(id) ? id : null
}
