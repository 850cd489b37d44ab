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
  operands: [{ name: 'WHAT', about: 'FILE in PEM or DER, HOST:PORT of a TLS server, or - for standard input' }],
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
  if (what === '-') return certificatesIn(await io.read())
  const isAddress = /^(\[[0-9a-fA-F:.]+\]|[^:[\]/]+):\d{1,5}$/.test(what)
  return isAddress && !existsSync(what) ? shownBy(what) : certificatesIn(readInput(what, 'WHAT'))
}

/** What a server shows in the handshake, leaf first. It is not believed, and nothing is sent to it. */
async function shownBy(address: string): Promise<Uint8Array[]> {
  try {
    return await shownChain(new URL(`https://${address}`))
  } catch (cause) {
    throw refuse('server_unreachable', `${address}: ${(cause as Error).message}`, { cause })
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
