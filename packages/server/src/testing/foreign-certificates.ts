import { createPublicKey, type KeyObject, randomBytes } from 'node:crypto'
import {
  assembleCertificate,
  basicConstraints,
  EMPTY_NAME,
  encodeName,
  encodePem,
  encodeTbs,
  extendedKeyUsage,
  keyUsage,
  SIGNATURE_ALGORITHMS,
  signCertificate,
  subjectAltName,
} from '@lanyard/protocol'
import { generateKeyNow, nodeSigner, spkiOf } from '@lanyard/protocol/node'
import type { ClientTls } from './client.ts'
import { pemOf } from './http.ts'

const nameOf = (text: string) => encodeName([['CN', text]])
const validity = () => {
  const now = Math.floor(Date.now() / 1000)
  return { notBefore: now - 60, notAfter: now + 3600 }
}

/** A certificate that signs itself, in everything else like one of ours; `id` null: without a name. */
export async function selfSigned(id: string | null, key: KeyObject = generateKeyNow('P-256')): Promise<ClientTls> {
  const names = { uri: id === null ? [] : [id], dns: id === null ? ['a.test'] : [], ip: [] }
  const input = {
    serial: randomBytes(16).fill(0x41, 0, 1),
    issuer: nameOf('x'),
    subject: EMPTY_NAME,
    ...validity(),
    spki: spkiOf(key),
    extensions: [
      basicConstraints({ ca: false }),
      keyUsage(['digitalSignature']),
      extendedKeyUsage(['serverAuth', 'clientAuth']),
      subjectAltName(names, true),
    ],
  }
  return { key: pemOf(key), cert: encodePem('CERTIFICATE', await signCertificate(input, nodeSigner(key))) }
}

/**
 * A chain of so many certificates, the leaf's key real, all others RSA keys whose exponents are as long as their moduli.
 * Nobody signed anything: verifying signatures that do not hold costs the same.
 */
export function costlyChain(length: number): ClientTls {
  const key = generateKeyNow('P-256')
  const certificates = Array.from({ length }, (_, i) => unsigned(i, i === 0 ? spkiOf(key) : costlyKey()))
  return { key: pemOf(key), cert: certificates.map(der => encodePem('CERTIFICATE', der)).join('') }
}

function unsigned(i: number, spki: Uint8Array): Uint8Array {
  const algorithm = SIGNATURE_ALGORITHMS['RSA-SHA256']
  const names = { issuer: nameOf(`c${i + 1}`), subject: nameOf(`c${i}`) }
  const extensions = [basicConstraints({ ca: i > 0 })]
  const tbs = encodeTbs({ serial: Uint8Array.of(1), ...names, ...validity(), spki, extensions }, algorithm)
  return assembleCertificate(tbs, algorithm, randomBytes(256).fill(1, 0, 1))
}

function costlyKey(): Uint8Array {
  const n = randomBytes(256)
  n[0]! |= 0x80
  n[255]! |= 1
  const e = Buffer.alloc(256, 0xff).fill(0x7f, 0, 1)
  const jwk = { kty: 'RSA', n: n.toString('base64url'), e: e.toString('base64url') }
  return spkiOf(createPublicKey({ key: jwk, format: 'jwk' }))
}
