import { decodePem, encodePem } from '../pem.ts'
import {
  decoded,
  type ForwardedChain,
  MAX_FORWARDED_CHAIN,
  MAX_FORWARDED_CHARS,
  malformed,
  requireModest,
  requireShort,
} from './chain.ts'

/**
 * What stands for itself: unreserved characters (RFC 3986, 2.3) and the three of base64, which some leave as they are.
 */
const PLAIN = new Set('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+=/')

/**
 * The certificates of a URL-encoded PEM: `$ssl_client_escaped_cert` of nginx, `X-Amzn-Mtls-Clientcert` and
 * `X-Amzn-Mtls-Clientcert-Leaf` of AWS load balancers, `Cert` and `Chain` of Envoy. A plus sign is a plus sign. Nothing
 * stands beside the blocks: where one reader takes the first that it finds and the next the last, they differ on who
 * calls.
 *
 * @throws ProtocolError `forwarded_malformed`, `forwarded_too_large`
 */
export function readEscapedPem(value: string): ForwardedChain {
  requireModest(value)
  const pem = unescaped(value)
  const ders = decoded('PEM', () => decodePem(pem, LIMITS)).map(({ der }) => der)
  requireShort(ders.length)
  if (withoutBreaks(pem) !== withoutBreaks(ders.map(der => encodePem('CERTIFICATE', der)).join('')))
    throw malformed('expected blocks of PEM with nothing beside them')
  return ders as [Uint8Array, ...Uint8Array[]]
}

const LIMITS = { labels: ['CERTIFICATE'], maxBytes: MAX_FORWARDED_CHARS, maxBlocks: MAX_FORWARDED_CHAIN + 1 }

/** Lines may be of any width (RFC 7468, 2), and the last of them may lack its end. */
const withoutBreaks = (text: string) => text.replaceAll('\n', '')

function unescaped(value: string): string {
  let text = ''
  for (let at = 0; at < value.length; at++) {
    const character = value[at]!
    if (character === '%') {
      text += octet(value.slice(at + 1, at + 3))
      at += 2
    } else if (PLAIN.has(character)) text += character
    else throw malformed(`expected a character that needs no escape at ${at}`)
  }
  return text
}

/** Of ASCII alone: PEM has no other. */
function octet(digits: string): string {
  if (!/^[0-7][0-9A-Fa-f]$/.test(digits)) throw malformed('expected two hex digits of an ASCII character after %')
  return String.fromCharCode(Number.parseInt(digits, 16))
}
