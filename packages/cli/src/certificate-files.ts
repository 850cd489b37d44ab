import { Certificate, decodePem, ProtocolError } from '@lanyard/protocol'

/** Room for the root stores of browsers and operating systems, several times over. */
const PEM_LIMITS = { labels: ['CERTIFICATE'], maxBytes: 16 * 1024 * 1024, maxBlocks: 4096 } as const

/** The DER of each certificate in a file: PEM when it holds a BEGIN line, one certificate in DER otherwise. */
export function certificatesIn(bytes: Uint8Array): Uint8Array[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (!text.includes('-----BEGIN ')) return [bytes]
  return decodePem(text.toString('latin1'), PEM_LIMITS).map(({ der }) => der)
}

/** Certificates that could be read, and the first reason why one could not. */
export interface Readable {
  readonly certificates: readonly Certificate[]
  readonly fault: ProtocolError | null
}

/**
 * Those certificates of a file that can be read. One that cannot is as if it were not there: it may be none of those
 * that a path needs, and no path leads over it.
 */
export function readableIn(bytes: Uint8Array): Readable {
  // A file with nothing in it says "none", as programs write it that have no intermediates.
  if (bytes.every(isBlank)) return { certificates: [], fault: null }
  const found: Certificate[] = []
  let fault: ProtocolError | null = null
  const attempt = <T>(read: () => T): T | null => {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      fault ??= error
      return null
    }
  }
  for (const der of attempt(() => certificatesIn(bytes)) ?? []) {
    const certificate = attempt(() => Certificate.fromDer(der))
    if (certificate) found.push(certificate)
  }
  return { certificates: found, fault }
}

const isBlank = (byte: number): boolean => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)
