import { equalBytes } from '../bytes.ts'
import { ProtocolError } from '../errors.ts'
import { type ForwardedChain, malformed, requireModest } from './chain.ts'
import { readEscapedPem } from './escaped-pem.ts'

/** Pairs in one element; Envoy has one for each name in the certificate. */
const MAX_PAIRS = 200

/**
 * The certificates of Envoy's `x-forwarded-client-cert`, which has one element for each hop. Exactly one is taken: with
 * more, some are the word of whoever called the proxy. What else stands there of the client is passed over, since the
 * certificate says it itself.
 *
 * @throws ProtocolError `forwarded_malformed`, `forwarded_ambiguous`, `forwarded_too_large`
 */
export function readXfcc(value: string): ForwardedChain {
  requireModest(value)
  const { cert, chain } = certificatesIn(elementOf(value))
  const leaf = cert === undefined ? undefined : readEscapedPem(cert)
  const whole = chain === undefined ? undefined : readEscapedPem(chain)
  if (leaf !== undefined && leaf.length > 1) throw ambiguous('expected one certificate as Cert')
  if (leaf === undefined && whole === undefined) throw malformed('expected Cert or Chain')
  if (leaf !== undefined && whole !== undefined && !equalBytes(leaf[0], whole[0]))
    throw ambiguous('expected Chain to begin with the certificate in Cert')
  return (whole ?? leaf)!
}

type Pair = readonly [name: string, value: string]

/** What of it holds certificates, each of which may stand there once. Names of keys are the same in any case. */
function certificatesIn(pairs: readonly Pair[]): { readonly cert?: string; readonly chain?: string } {
  const found: { cert?: string; chain?: string } = {}
  for (const [key, value] of pairs) {
    const name = key.toLowerCase()
    if (name !== 'cert' && name !== 'chain') continue
    if (found[name] !== undefined) throw ambiguous(`expected ${name} once`)
    found[name] = value
  }
  return found
}

/** The pairs of the only element. */
function elementOf(text: string): Pair[] {
  const pairs: Pair[] = []
  let at = 0
  for (;;) {
    const { pair, end } = readPair(text, at)
    if (pairs.push(pair) > MAX_PAIRS) throw malformed(`expected at most ${MAX_PAIRS} pairs`)
    if (end === text.length) return pairs
    if (text[end] === ',') throw ambiguous('expected one element, got the word of several hops')
    at = end + 1
  }
}

/** One `Key=value` from `start` on, and where it ends: before a semicolon, a comma, or at the end. */
function readPair(text: string, start: number): { readonly pair: Pair; readonly end: number } {
  const equals = text.indexOf('=', start)
  const name = equals < 0 ? '' : text.slice(start, equals)
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,31}$/.test(name)) throw malformed(`expected a key and = at ${start}`)
  const quoted = text[equals + 1] === '"'
  const { value, end } = quoted ? readQuoted(text, equals + 2) : readPlain(text, equals + 1)
  if (end < text.length && text[end] !== ';' && text[end] !== ',') throw malformed(`expected ; or the end at ${end}`)
  return { pair: [name, value], end }
}

interface Read {
  readonly value: string
  readonly end: number
}

function readPlain(text: string, start: number): Read {
  let end = start
  while (end < text.length && text[end] !== ';' && text[end] !== ',') {
    if (text[end] === '"') throw malformed(`expected the value at ${start} in quotation marks`)
    end++
  }
  return { value: text.slice(start, end), end }
}

/** A backslash escapes a quotation mark, and stands for itself before anything else. */
function readQuoted(text: string, start: number): Read {
  let value = ''
  for (let at = start; at < text.length; at++) {
    if (text[at] === '"') return { value, end: at + 1 }
    if (text[at] === '\\' && text[at + 1] === '"') at++
    value += text[at]
  }
  throw malformed(`expected the value at ${start} to end with a quotation mark`)
}

const ambiguous = (detail: string) => new ProtocolError('forwarded_ambiguous', detail)
