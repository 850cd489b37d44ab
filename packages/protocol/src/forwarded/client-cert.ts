import { decodeBase64 } from '../base64.ts'
import { decoded, type ForwardedChain, malformed, requireModest, requireShort } from './chain.ts'

/**
 * The certificates of `Client-Cert` and `Client-Cert-Chain` (RFC 9440). `chain`: the values of all lines of the second
 * one, in turn, since a list may be split over lines (RFC 9110, 5.3); they count as one list, which is then capped.
 * Neither has parameters.
 *
 * @throws ProtocolError `forwarded_malformed`, `forwarded_too_large`
 */
export function readClientCert(leaf: string, chain: readonly string[] = []): ForwardedChain {
  requireModest(leaf, ...chain)
  const items = itemsOf(chain.join(','))
  requireShort(items.length + 1)
  return [byteSequence(trimmed(leaf, ' ')), ...items.map(byteSequence)]
}

/**
 * RFC 8941, 4.2.1: members stand between commas, with blanks and tabs around these; nothing stands for an empty list.
 */
function itemsOf(list: string): string[] {
  const whole = trimmed(list, ' ')
  return whole === '' ? [] : whole.split(',').map(item => trimmed(item, ' \t'))
}

/** RFC 8941, 3.3.5. Its parsers may forgive a missing padding: one that must agree with others does not. */
function byteSequence(item: string): Uint8Array {
  if (item.length < 3 || !item.startsWith(':') || !item.endsWith(':'))
    throw malformed('expected base64 between two colons')
  return decoded('base64 between two colons', () => decodeBase64(item.slice(1, -1)))
}

// Not trim(), which takes away other characters too, and no pattern, which can be made to take long.
function trimmed(text: string, blanks: string): string {
  let start = 0
  let end = text.length
  while (start < end && blanks.includes(text[start]!)) start++
  while (end > start && blanks.includes(text[end - 1]!)) end--
  return text.slice(start, end)
}
