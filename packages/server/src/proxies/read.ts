import { LanyardError } from '@lanyard/api'
import {
  type ForwardedChain,
  ProtocolError,
  readBase64Der,
  readClientCert,
  readEscapedPem,
  readXfcc,
} from '@lanyard/protocol'
import { type FormatHeaders, type Found, namesIn, type ProxyFormat } from './headers.ts'

/**
 * The certificates that the headers of a believed proxy hold, in DER, not looked at. Throws `proxy_header_untrusted`
 * for headers of another format, which cannot be that proxy's, and `proxy_header_invalid`.
 */
export function readForwarded(found: Found, format: ProxyFormat, headers: FormatHeaders): ForwardedChain {
  requireFormat(found, headers)
  for (const [name, values] of found)
    if (values.length > 1 && name !== headers.chain) throw invalid(`expected one ${name}, got ${values.length}`)
  const leaf = found.get(headers.leaf)?.[0]
  if (leaf === undefined) throw invalid(`expected ${headers.leaf} beside ${[...found.keys()].join(', ')}`)
  const chain = headers.chain === undefined ? [] : (found.get(headers.chain) ?? [])
  try {
    return decode(format, leaf, chain)
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    throw new LanyardError('proxy_header_invalid', `${headers.leaf}: ${error.message}`, {}, { cause: error })
  }
}

/**
 * Throws `proxy_header_untrusted` for a header that the format does not have: nobody has stripped what a client sent.
 */
export function requireFormat(found: Found, headers: FormatHeaders): void {
  const known = namesIn(headers)
  const other = [...found.keys()].find(name => !known.includes(name))
  if (other !== undefined)
    throw new LanyardError('proxy_header_untrusted', `expected ${headers.leaf} alone, got ${other}`)
}

function decode(format: ProxyFormat, leaf: string, chain: readonly string[]): ForwardedChain {
  switch (format) {
    case 'rfc9440':
      return readClientCert(leaf, chain)
    case 'envoy':
      return readXfcc(leaf)
    case 'alb':
      return readEscapedPem(leaf)
    case 'alb-verify':
    case 'nginx':
      return single(readEscapedPem(leaf))
    case 'haproxy':
      return readBase64Der(leaf)
    default:
      throw new TypeError(`unknown format ${format satisfies never}`)
  }
}

function single(chain: ForwardedChain): ForwardedChain {
  if (chain.length > 1) throw invalid(`expected one certificate, got ${chain.length}`)
  return chain
}

const invalid = (detail: string) => new LanyardError('proxy_header_invalid', detail)
