import { type Certificate, formatName, PROTOCOL_CODES } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import type { Outcome } from '../../command.ts'
import { rfc3339, visible } from '../../layout.ts'
import type { Verdict } from './judge.ts'

/** A verdict for programs and for people. */
export function showVerdict(verdict: Verdict): Outcome {
  if (!verdict.valid) {
    const { code, detail } = verdict
    const { title, remedy } = PROTOCOL_CODES[code]
    return {
      json: { valid: false, code, detail, path: [] },
      text: paint =>
        `${paint.bad('not valid')} ${paint.strong(code)}: ${title}\n  ${visible(detail)}\n  ${paint.faint('do')} ${remedy}`,
      exit: 'refused',
    }
  }
  const { path, spiffeId } = verdict
  return {
    json: { valid: true, code: null, detail: null, ...(spiffeId && { spiffe_id: spiffeId }), path: path.map(link) },
    text: paint => {
      const lines = path.map((certificate, i) => `  ${'  '.repeat(i)}${titleOf(certificate)}`)
      return [`${paint.good('valid')} until ${rfc3339(endOf(path) * 1000)}`, ...lines].join('\n')
    },
  }
}

const link = (certificate: Certificate) => ({
  subject: formatName(certificate.subject),
  issuer: formatName(certificate.issuer),
  serial: certificate.serialHex,
  not_before: rfc3339(certificate.notBefore * 1000),
  not_after: rfc3339(certificate.notAfter * 1000),
  sha256: Buffer.from(nodeCrypto.sha256(certificate.der)).toString('hex'),
})

const endOf = (path: readonly Certificate[]) => Math.min(...path.map(({ notAfter }) => notAfter))

/** Who it is, in one line: its SPIFFE ID, its subject, or its first name. */
export function titleOf(certificate: Certificate): string {
  const { subjectAltName, subject, basicConstraints } = certificate
  // All CAs of a trust domain have its ID; their subjects tell them apart.
  if (basicConstraints?.ca && !subject.isEmpty) return formatName(subject)
  const spiffe = subjectAltName?.uri.find(uri => uri.startsWith('spiffe://'))
  if (spiffe) return visible(spiffe)
  return subject.isEmpty ? visible(subjectAltName?.dns[0] ?? '(nameless)') : formatName(subject)
}
