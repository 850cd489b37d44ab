import { X509Certificate } from 'node:crypto'
import 'reflect-metadata'
import * as peculiar from '@peculiar/x509'
import { toHex } from '../bytes.ts'
import { NAME_ATTRIBUTES } from '../oids.ts'
import { encodePem } from '../pem.ts'
import type { Certificate } from './certificate.ts'
import type { UnverifiedCsr } from './csr.ts'
import { KEY_USAGES } from './extensions.ts'
import type { GeneralNames } from './general-names.ts'
import type { Name } from './name.ts'
import { runScript } from './openssl.suite.ts'

/** What somebody reads in a certificate or a request: each field as a text of one form. */
export type Opinion = Readonly<Record<string, string>>

const hex = (bytes: ArrayBuffer | Uint8Array) => toHex(new Uint8Array(bytes as ArrayBuffer))
const isoTime = (seconds: number) => new Date(seconds * 1000).toISOString()

/** Ours, with all that the others can tell. */
export function ourOpinion(certificate: Certificate): Opinion {
  const { basicConstraints, keyUsage, extendedKeyUsage, subjectAltName, subjectKeyId, authorityKeyId } = certificate
  return {
    version: `${certificate.version}`,
    serial: certificate.serialHex,
    issuer: nameText(certificate.issuer),
    subject: nameText(certificate.subject),
    notBefore: isoTime(certificate.notBefore),
    notAfter: isoTime(certificate.notAfter),
    spki: hex(certificate.publicKey.der),
    bits: `${certificate.publicKey.bits}`,
    signature: hex(certificate.signature),
    extensions: certificate.extensions.map(({ oid, critical, value }) => `${oid} ${critical} ${hex(value)}`).join('\n'),
    constraints: basicConstraints ? `${basicConstraints.ca} ${basicConstraints.pathLen ?? ''}`.trim() : 'none',
    usages: keyUsage ? [...keyUsage].join(' ') : 'none',
    purposes: extendedKeyUsage?.join(' ') ?? 'none',
    names: subjectAltName ? generalNamesText(subjectAltName) : 'none',
    subjectKeyId: subjectKeyId ? hex(subjectKeyId) : 'none',
    authorityKeyId: authorityKeyId ? hex(authorityKeyId) : 'none',
  }
}

export const ourCsrOpinion = (csr: UnverifiedCsr): Opinion => ({
  spki: hex(csr.publicKey.der),
  bits: `${csr.publicKey.bits}`,
  signature: hex(csr.signature),
})

const SHORT = new Map<string, string>(Object.entries(NAME_ATTRIBUTES).map(([short, oid]) => [oid, short]))
const nameText = ({ attributes }: Name) => attributes.map(({ oid, text }) => `${SHORT.get(oid)}=${text}`).join('\n')

/** As OpenSSL prints them, which Node.js copies. */
function generalNamesText({ email, dns, uri, ip }: GeneralNames): string {
  return [
    ...email.map(name => `email:${name}`),
    ...dns.map(name => `DNS:${name}`),
    ...uri.map(name => `URI:${name}`),
    ...ip.map(octets => `IP Address:${addressText(octets)}`),
  ].join(', ')
}

function addressText(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join('.')
  const groups = Array.from({ length: 8 }, (_, index) => (octets[2 * index]! << 8) | octets[2 * index + 1]!)
  return groups.map(group => group.toString(16).toUpperCase()).join(':')
}

/** `node:crypto`. Its `ca` is left out: that is a verdict, not a field. */
export function nodeOpinion(der: Uint8Array): Opinion {
  const certificate = new X509Certificate(der)
  return {
    serial: certificate.serialNumber.toLowerCase(),
    issuer: certificate.issuer ?? '',
    subject: certificate.subject ?? '',
    notBefore: certificate.validFromDate.toISOString(),
    notAfter: certificate.validToDate.toISOString(),
    spki: hex(certificate.publicKey.export({ format: 'der', type: 'spki' })),
    purposes: certificate.keyUsage?.join(' ') ?? 'none',
    names: certificate.subjectAltName ?? 'none',
  }
}

/** `@peculiar/x509`. */
export function peculiarOpinion(der: Uint8Array): Opinion {
  const certificate = new peculiar.X509Certificate(new Uint8Array(der))
  const { extensions } = certificate
  const find = <T>(type: new (raw: ArrayBuffer) => T) =>
    extensions.find(extension => extension instanceof type) as T | undefined
  const constraints = find(peculiar.BasicConstraintsExtension)
  const usages = find(peculiar.KeyUsagesExtension)?.usages
  return {
    serial: certificate.serialNumber,
    notBefore: certificate.notBefore.toISOString(),
    notAfter: certificate.notAfter.toISOString(),
    spki: hex(certificate.publicKey.rawData),
    signature: hex(certificate.signature),
    extensions: extensions.map(({ type, critical, value }) => `${type} ${critical} ${hex(value)}`).join('\n'),
    constraints: constraints ? `${constraints.ca} ${constraints.pathLength ?? ''}`.trim() : 'none',
    usages: usages ? KEY_USAGES.filter((_, bit) => usages & (1 << bit)).join(' ') : 'none',
    purposes: find(peculiar.ExtendedKeyUsageExtension)?.usages.join(' ') ?? 'none',
    subjectKeyId: find(peculiar.SubjectKeyIdentifierExtension)?.keyId ?? 'none',
    authorityKeyId: find(peculiar.AuthorityKeyIdentifierExtension)?.keyId ?? 'none',
  }
}

export function peculiarCsrOpinion(der: Uint8Array): Opinion {
  const csr = new peculiar.Pkcs10CertificateRequest(new Uint8Array(der))
  return { spki: hex(csr.publicKey.rawData), signature: hex(csr.signature) }
}

/** The `openssl` program, for all certificates in one call. */
export function opensslOpinions(certificates: readonly Uint8Array[]): Opinion[] {
  const pem = certificates.map(der => encodePem('CERTIFICATE', der)).join('')
  const { output } = runScript('openssl storeutl -noout -text -certs all.pem', { 'all.pem': pem })
  return output
    .split(/^\d+: Certificate\n/m)
    .slice(1)
    .map(opensslOpinion)
}

const USAGE_NAMES: Readonly<Record<string, string>> = {
  'Digital Signature': 'digitalSignature',
  'Non Repudiation': 'nonRepudiation',
  'Key Encipherment': 'keyEncipherment',
  'Data Encipherment': 'dataEncipherment',
  'Key Agreement': 'keyAgreement',
  'Certificate Sign': 'keyCertSign',
  'CRL Sign': 'cRLSign',
  'Encipher Only': 'encipherOnly',
  'Decipher Only': 'decipherOnly',
}

function opensslOpinion(text: string): Opinion {
  const field = (pattern: RegExp) => pattern.exec(text)?.[1]
  const extension = (title: string) => field(new RegExp(`X509v3 ${title}:[^\\n]*\\n +([^\\n]*?) *\\n`))
  const octets = (value: string | undefined) => value?.replaceAll(':', '').toLowerCase() ?? 'none'
  const constraints = extension('Basic Constraints')
  const [, ca, pathLength] = /^CA:(TRUE|FALSE)(?:, pathlen:(\d+))?$/.exec(constraints ?? '') ?? []
  return {
    version: field(/Version: (\d)/) ?? '',
    serial: octets(field(/Serial Number:\n +([0-9a-f:]+)\n/)),
    notBefore: isoTime(Date.parse(field(/Not Before *: (.*)/) ?? '') / 1000),
    notAfter: isoTime(Date.parse(field(/Not After *: (.*)/) ?? '') / 1000),
    ...(text.includes('ED25519') && !text.includes('Public-Key: (')
      ? {}
      : { bits: field(/Public-Key: \((\d+) bit\)/) ?? '' }),
    constraints: constraints ? `${ca === 'TRUE'} ${pathLength ?? ''}`.trim() : 'none',
    usages:
      extension('Key Usage')
        ?.split(', ')
        .map(usage => USAGE_NAMES[usage])
        .join(' ') ?? 'none',
    names: extension('Subject Alternative Name') ?? 'none',
    subjectKeyId: octets(extension('Subject Key Identifier')),
    authorityKeyId: octets(extension('Authority Key Identifier')),
  }
}

/** What `openssl req` prints of each request, all in one shell. */
export function opensslCsrOpinions(requests: readonly Uint8Array[]): string[] {
  const names = requests.map((_, index) => `${index}.csr`)
  const files = Object.fromEntries(requests.map((der, index) => [names[index]!, encodePem('CERTIFICATE REQUEST', der)]))
  const script = 'for f in $(ls *.csr | sort -n); do openssl req -in $f -noout -verify -text 2>&1; echo "== end"; done'
  return runScript(script, files).output.split('== end\n').slice(0, -1)
}
