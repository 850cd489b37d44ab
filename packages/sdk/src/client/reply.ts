import { IdentityError } from '../errors.ts'

/** What `POST /v1/agent/auth/cert` takes. */
export interface CertificateRequest {
  /** One PKCS#10 request in PEM. */
  readonly csr: string
  /** Seconds, from 60 up to what the tier allows; that when absent. */
  readonly ttl_sec?: number
}

/** The standing of an agent, which decides how long its certificates live. */
export type ReputationTier = 'platinum' | 'gold' | 'silver' | 'bronze' | 'restricted'

/** What `POST /v1/agent/auth/cert` gives. */
export interface CertificateReply {
  /** The leaf, PEM. */
  readonly certificate: string
  /** The intermediates, PEM, without leaf and root. */
  readonly chain: string
  /** The roots, PEM. */
  readonly bundle: string
  readonly spiffe_id: string
  /** Thirty-two lower-case hex digits. */
  readonly serial: string
  /** Times are RFC 3339, in UTC. */
  readonly not_before: string
  readonly not_after: string
  readonly reputation_tier: ReputationTier
  readonly validity_sec: number
  readonly renew_after: string
}

/** What goes into a header as it is (RFC 6750, 2.1). */
export const BEARER_TOKEN = /^[A-Za-z0-9._~+/-]+=*$/

const TIERS: readonly string[] = ['platinum', 'gold', 'silver', 'bronze', 'restricted'] satisfies ReputationTier[]

/** The form that each member has; others are passed over, since a later authority may say more. */
const FORMS: Readonly<Record<keyof CertificateReply, (value: unknown) => boolean>> = {
  certificate: isText,
  chain: value => typeof value === 'string',
  bundle: isText,
  spiffe_id: isText,
  serial: value => typeof value === 'string' && /^[0-9a-f]{32}$/.test(value),
  not_before: isTime,
  not_after: isTime,
  reputation_tier: value => typeof value === 'string' && TIERS.includes(value),
  validity_sec: value => Number.isInteger(value) && (value as number) > 0,
  renew_after: isTime,
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}

function isTime(value: unknown): boolean {
  return typeof value === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value) && !Number.isNaN(Date.parse(value))
}

/** @throws IdentityError `reply_invalid` */
export function parseReply(text: string): CertificateReply {
  const reply = parseObject(text)
  if (reply === null) throw new IdentityError('reply_invalid', 'expected a JSON object from the authority')
  for (const [name, fits] of Object.entries(FORMS))
    if (!fits(reply[name])) throw new IdentityError('reply_invalid', `the authority gave no usable ${name}`)
  return reply as unknown as CertificateReply
}

/**
 * The agent token in a reply of `POST /v1/agent/federated-bootstrap`.
 *
 * @throws IdentityError `reply_invalid`
 */
export function parseAgentToken(text: string): string {
  const token = parseObject(text)?.token
  if (typeof token !== 'string' || !BEARER_TOKEN.test(token))
    throw new IdentityError('reply_invalid', 'the authority gave no usable agent token')
  return token
}

/** An HTTP answer, as far as it matters here. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

/** The error that a problem document (RFC 9457) stands for, with the authority's own code and remedy. */
export function problemOf(answer: Answer, now: number): IdentityError {
  const problem = parseObject(answer.text) ?? {}
  const retryAfter = retryAfterOf(answer, now)
  const details = { status: answer.status, ...(retryAfter === null ? {} : { retryAfter }) }
  const text = (name: string) => (typeof problem[name] === 'string' ? (problem[name] as string).slice(0, 1000) : null)
  const code = text('code')
  if (code === null || !/^[a-z][a-z0-9_]{0,63}$/.test(code)) {
    const detail = `expected a certificate or a problem document, got status ${answer.status}`
    return new IdentityError('reply_invalid', detail, details)
  }
  const requestId = text('request_id')
  return new IdentityError(code, text('detail') ?? text('title') ?? code, {
    ...details,
    remedy: text('remedy') ?? '',
    ...(requestId === null ? {} : { requestId }),
  })
}

/** Milliseconds to wait, from seconds or a date (RFC 9110, 10.2.3). */
function retryAfterOf({ headers }: Answer, now: number): number | null {
  const value = headers['retry-after']
  if (typeof value !== 'string') return null
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000
  // Date.parse reads much that is no date; this is the one form that servers send.
  const at = /^[A-Z][a-z]{2}, \d\d /.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(at) ? null : Math.max(0, at - now)
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}
