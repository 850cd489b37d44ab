import 'reflect-metadata'
import { generateKeyPairSync, webcrypto } from 'node:crypto'
import {
  assembleCertificate,
  basicConstraints,
  Certificate,
  EMPTY_NAME,
  encodeTbs,
  extendedKeyUsage,
  fromHex,
  keyUsage,
  parseCsr,
  subjectAltName,
} from '@lanyard/protocol'
import { nodeSigner } from '@lanyard/protocol/node'
import * as x509 from '@peculiar/x509'
import { rate } from './rate.ts'
import type { Row } from './report.ts'

const URI = 'spiffe://example.test/tenant/bench/agent/agent-1'

/** The same codec work by us and by a library: read a CSR, build and sign a leaf, read it again. Signatures are P-256. */
export async function codecRows(rsaCsr: Uint8Array, ecCsr: Uint8Array): Promise<Row[]> {
  const theirs = await libraryWork()
  const ours = ourWork()
  const rows: [string, number][] = [
    ['codec, ours: read CSR, build, sign and read a leaf, RSA-2048', await rate(() => ours(rsaCsr), 2)],
    ['codec, @peculiar/x509: the same, RSA-2048', await rate(() => theirs(rsaCsr), 2)],
    ['codec, ours, all P-256', await rate(() => ours(ecCsr), 2)],
    ['codec, @peculiar/x509, all P-256', await rate(() => theirs(ecCsr), 2)],
  ]
  return rows.map(([name, per_sec]) => ({ name, per_sec, us_each: 1e6 / per_sec }))
}

function ourWork(): (csr: Uint8Array) => Certificate {
  const signer = nodeSigner(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
  const serial = fromHex('42'.repeat(16))
  return csr => {
    const extensions = [
      basicConstraints({ ca: false }),
      keyUsage(['digitalSignature']),
      extendedKeyUsage(['serverAuth', 'clientAuth']),
      subjectAltName({ uri: [URI] }, true),
    ]
    const notBefore = Math.floor(Date.now() / 1000)
    const spki = parseCsr(csr).publicKey.der
    const names = { issuer: EMPTY_NAME, subject: EMPTY_NAME }
    const tbs = encodeTbs(
      { serial, ...names, notBefore, notAfter: notBefore + 300, spki, extensions },
      signer.algorithm,
    )
    return Certificate.fromDer(assembleCertificate(tbs, signer.algorithm, signer.sign(tbs, 'der') as Uint8Array))
  }
}

async function libraryWork(): Promise<(csr: Uint8Array) => Promise<x509.X509Certificate>> {
  x509.cryptoProvider.set(webcrypto as never)
  const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
  return async csr => {
    const request = new x509.Pkcs10CertificateRequest(csr as never)
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: '42'.repeat(16),
      notBefore: new Date(),
      notAfter: new Date(Date.now() + 300_000),
      publicKey: request.publicKey,
      signingKey: keys.privateKey as never,
      signingAlgorithm,
      extensions: [
        new x509.BasicConstraintsExtension(false),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
        new x509.SubjectAlternativeNameExtension([{ type: 'url', value: URI }], true),
      ],
    })
    return new x509.X509Certificate(certificate.rawData)
  }
}
