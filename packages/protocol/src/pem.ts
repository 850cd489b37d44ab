import { decodeBase64, encodeBase64 } from './base64.ts'
import { ProtocolError } from './errors.ts'

export interface PemLimits {
  /** Which kinds of blocks are expected, such as `CERTIFICATE`. Any other one is refused. */
  readonly labels: readonly string[]
  /** Characters of the whole text; 1 MiB when absent, which holds all public roots. */
  readonly maxBytes?: number
  /** 1000 when absent. */
  readonly maxBlocks?: number
}

export interface PemBlock {
  readonly label: string
  readonly der: Uint8Array
}

/**
 * The blocks of a text, at least one, in their order (RFC 7468). Text between blocks is passed over, as in bundles with
 * comments; inside a block stands base64 alone, in lines of any width. Takes time in proportion to the text.
 *
 * @throws ProtocolError `pem_too_large`, `pem_label_unexpected`, `pem_malformed`, `pem_empty`
 */
export function decodePem(text: string, limits: PemLimits): PemBlock[] {
  const { labels, maxBytes = 1 << 20, maxBlocks = 1000 } = limits
  if (text.length > maxBytes)
    throw new ProtocolError('pem_too_large', `expected at most ${maxBytes} characters, got ${text.length}`)
  const blocks: PemBlock[] = []
  let open: { label: string; base64: string } | null = null
  for (const rawLine of text.split('\n')) {
    const line = rawLine.trimEnd()
    const begun = boundary(line, '-----BEGIN ')
    if (open === null && begun !== null) {
      if (blocks.length === maxBlocks) throw new ProtocolError('pem_too_large', `expected at most ${maxBlocks} blocks`)
      open = { label: expectLabel(begun, labels), base64: '' }
    } else if (open !== null && line === `-----END ${open.label}-----`) {
      blocks.push({ label: open.label, der: decodeBody(open.base64) })
      open = null
    } else if (open !== null) open.base64 += line
    else if (line.startsWith('-----')) throw new ProtocolError('pem_malformed', 'expected a block to begin')
  }
  if (open !== null) throw new ProtocolError('pem_malformed', `expected -----END ${open.label}-----`)
  if (blocks.length === 0) throw new ProtocolError('pem_empty', `expected a block of ${labels.join(' or ')}, got none`)
  return blocks
}

function boundary(line: string, start: string): string | null {
  return line.startsWith(start) && line.endsWith('-----') ? line.slice(start.length, -5) : null
}

function expectLabel(label: string, labels: readonly string[]): string {
  if (labels.includes(label)) return label
  const got = /^[A-Z0-9 ]{1,40}$/.test(label) ? label : 'something else'
  throw new ProtocolError('pem_label_unexpected', `expected ${labels.join(' or ')}, got ${got}`)
}

// Headers, as in encrypted keys of old, and a second BEGIN are no base64 and end here.
function decodeBody(base64: string): Uint8Array {
  if (base64 === '') throw new ProtocolError('pem_malformed', 'expected base64 in the block, got nothing')
  try {
    return decodeBase64(base64)
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause
    throw new ProtocolError('pem_malformed', `expected base64: ${cause.message}`, { cause })
  }
}

/** One block with a newline at its end, in lines of 64 characters. */
export function encodePem(label: string, der: Uint8Array): string {
  const base64 = encodeBase64(der)
  let lines = ''
  for (let at = 0; at < base64.length; at += 64) lines += `${base64.slice(at, at + 64)}\n`
  return `-----BEGIN ${label}-----\n${lines}-----END ${label}-----\n`
}
