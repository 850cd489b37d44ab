import { type Certificate, formatIpAddress, formatName } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import { rfc3339 } from '../../layout.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/** Every field of a certificate, as JSON. `now` in Unix ms. */
export function describe(certificate: Certificate, now: number): object {
  const {
    notBefore,
    notAfter,
    publicKey,
    subjectAltName: names,
    keyUsage,
    basicConstraints: basic,
    lanyard,
  } = certificate
  const left = notAfter + 1 - now / 1000
  return {
    subject: formatName(certificate.subject),
    issuer: formatName(certificate.issuer),
    spiffe_id: names?.uri.find(uri => uri.startsWith('spiffe://')) ?? null,
    names: names ? { uri: names.uri, dns: names.dns, ip: names.ip.map(formatIpAddress), email: names.email } : null,
    serial: certificate.serialHex,
    not_before: rfc3339(notBefore * 1000),
    not_after: rfc3339(notAfter * 1000),
    left_sec: Math.max(0, Math.floor(left)),
    left_share: Math.min(1, Math.max(0, left / (notAfter + 1 - notBefore))),
    key: {
      type: publicKey.type,
      bits: publicKey.bits,
      oid: publicKey.oid,
      sha256: hex(nodeCrypto.sha256(publicKey.der)),
    },
    signature: certificate.signatureAlgorithm?.name ?? certificate.signatureOid,
    ca: basic?.ca ?? false,
    path_len: basic?.pathLen ?? null,
    key_usage: keyUsage ? [...keyUsage] : null,
    extended_key_usage: certificate.extendedKeyUsage ?? null,
    subject_key_id: certificate.subjectKeyId ? hex(certificate.subjectKeyId) : null,
    authority_key_id: certificate.authorityKeyId ? hex(certificate.authorityKeyId) : null,
    lanyard: lanyard ? { incarnation: lanyard.incarnation, lineage: hex(lanyard.lineage) } : null,
    extensions: certificate.extensions.map(({ oid, critical, value }) => ({ oid, critical, bytes: value.length })),
    sha256: hex(nodeCrypto.sha256(certificate.der)),
  }
}
