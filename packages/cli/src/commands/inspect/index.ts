import { existsSync } from 'node:fs'
import { Certificate, formatName } from '@lanyard/protocol'
import { certificatesIn } from '../../certificate-files.ts'
import { shownChain } from '../../client/tls-probe.ts'
import { command, type Outcome } from '../../command.ts'
import { readInput } from '../../files.ts'
import type { Io } from '../../io.ts'
import { card, duration, rfc3339 } from '../../layout.ts'
import { Misuse, refuse } from '../../problem.ts'
import { titleOf } from '../verify/show.ts'
import { describe } from './describe.ts'

export const inspect = command({
  name: 'inspect',
  summary: 'Show a certificate, from a file or a server, on a card of four lines.',
  about: 'Shows what is written, and proves nothing: `lanyard verify` judges.',
  operands: [
    { name: 'WHAT', about: 'FILE in PEM or DER, HOST:PORT or https URL of a TLS server, or - for standard input' },
  ],
  options: {},
  examples: [
    { line: 'lanyard inspect planner/svid.pem', does: 'Who, by whom, from when until when, and with which key.' },
    { line: 'lanyard inspect 127.0.0.1:8443', does: 'The certificate that a server shows.' },
    { line: 'lanyard inspect - --json', does: 'From standard input, every field, as JSON.' },
  ],
  run: async ({ operands: [what = ''], io }) => {
    const [leaf, ...chain] = (await load(what, io)).map(der => Certificate.fromDer(der))
    if (!leaf) throw new Misuse(`expected a certificate in ${what}`)
    return shown(leaf, chain, io.now())
  },
})

async function load(what: string, io: Io): Promise<Uint8Array[]> {
  if (what === '-') return written(await io.read(), 'standard input')
  const url = existsSync(what) ? null : addressOf(what)
  return url === null ? written(readInput(what, 'WHAT'), what) : shownBy(url)
}

/** `HOST:PORT`, or a URL as `lanyard up` prints it; null for what must be a file. */
function addressOf(what: string): URL | null {
  if (/^https:\/\/[^/]+\/?$/.test(what)) return URL.parse(what)
  const isAddress = /^(\[[0-9a-fA-F:.]+\]|[^:[\]/]+):\d{1,5}$/.test(what)
  return isAddress ? URL.parse(`https://${what}`) : null
}

const SEQUENCE = 0x30

/** To a person who named another file than was meant, an unexpected DER tag would tell nothing. */
function written(bytes: Uint8Array, what: string): Uint8Array[] {
  const found = certificatesIn(bytes)
  const isRaw = found[0] === bytes
  if (isRaw && bytes[0] !== SEQUENCE) throw new Misuse(`expected certificates in PEM or DER, got neither in ${what}`)
  return found
}

/** What a server shows in the handshake, leaf first. It is not believed, and nothing is sent to it. */
async function shownBy(url: URL): Promise<Uint8Array[]> {
  try {
    return await shownChain(url)
  } catch (cause) {
    throw refuse('server_unreachable', `${url.host}: ${(cause as Error).message}`, { cause })
  }
}

function shown(leaf: Certificate, chain: readonly Certificate[], now: number): Outcome {
  return {
    json: { ...describe(leaf, now), chain: chain.map(certificate => describe(certificate, now)) },
    text: paint =>
      card(
        [
          ['who', titleOf(leaf)],
          ['by', leaf.issuer.isEmpty ? '(nameless)' : formatName(leaf.issuer)],
          ['life', lifeOf(leaf, now)],
          ['key', `${keyOf(leaf)}, serial ${leaf.serialHex}`],
        ],
        paint,
      ),
  }
}

function lifeOf({ notBefore, notAfter }: Certificate, now: number): string {
  const seconds = now / 1000
  const span = `${rfc3339(notBefore * 1000)} to ${rfc3339(notAfter * 1000)}`
  if (seconds < notBefore) return `${span}, begins in ${duration(notBefore - seconds)}`
  // RFC 5280, 4.1.2.5: the second of notAfter still counts.
  const left = notAfter + 1 - seconds
  if (left <= 0) return `${span}, ended ${duration(left)} ago`
  const share = Math.floor((100 * left) / (notAfter + 1 - notBefore))
  return `${span}, ${duration(left)} left (${share} %)`
}

const keyOf = ({ publicKey: { type, bits, oid } }: Certificate): string =>
  type === null ? `OID ${oid}` : type === 'RSA' ? `RSA-${bits}` : type
