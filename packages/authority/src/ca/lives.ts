import type { Certificate } from '@lanyard/protocol'
import { BACKDATE } from '../lifetime.ts'

const DAY = 86_400

/** Seconds that each kind of certificate of the authority lives. */
export const AUTHORITY_LIFE = {
  root: 3650 * DAY,
  intermediate: 7 * DAY,
  server: DAY,
  events: 365 * DAY,
  feed: 7 * DAY,
  receipt: 365 * DAY,
} as const

/**
 * First and last second of a certificate made at `at` (Unix ms), both counting; it never ends after its issuer, since
 * what it signs in that time would be refused by everyone.
 */
export function lifeFrom(at: number, lifeSec: number, issuer?: Certificate): { notBefore: number; notAfter: number } {
  const second = Math.floor(at / 1000)
  const end = second + lifeSec - 1
  return { notBefore: second - BACKDATE, notAfter: issuer === undefined ? end : Math.min(end, issuer.notAfter) }
}

/** When a certificate is to be replaced, in Unix ms: at half of its life, so that there is as long again to notice a failure. */
export function replaceAt({ notBefore, notAfter }: Certificate): number {
  return Math.floor(((notBefore + notAfter) / 2) * 1000)
}

/**
 * Whether a certificate is to be replaced at `at` (Unix ms). Also when it has not begun: then the clock was wrong when it
 * was made, or is wrong now, and nothing that it signs would be accepted at this time.
 */
export function isReplacementDue(certificate: Certificate, at: number): boolean {
  return at >= replaceAt(certificate) || at < certificate.notBefore * 1000
}
