import type { Tier } from '@lanyard/api'
import { Certificate, equalBytes, toHex } from '@lanyard/protocol'
import type { Subject } from '../ports.ts'
import type { X509Issuer } from './issuer.ts'

/** What the second pair of eyes knows, gathered without the builder: the rows, the request, the issuer. */
export interface Expected {
  readonly subject: Subject
  /** The SPIFFE ID, rendered anew from tenant and name. */
  readonly spiffeId: string
  /** As the entry lists them, and the suffixes that the configuration allows. */
  readonly dnsNames: readonly string[]
  readonly dnsSuffixes: readonly string[]
  /** SubjectPublicKeyInfo of the CSR. */
  readonly spki: Uint8Array
  readonly issuer: X509Issuer
  readonly tier: Tier
  /** Unix milliseconds. */
  readonly at: number
}

// Written out a second time on purpose: a slip in the builder's table must not be repeated by its checker.
const LONGEST: Record<Tier, number> = { platinum: 600, gold: 420, silver: 300, bronze: 180, restricted: 60 }
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'

/**
 * Reads the DER that was signed and holds it against the rules, in words of its own. Gives the parsed certificate;
 * throws a plain Error naming the broken rule, which is our fault and never the caller's: the certificate is thrown away.
 */
export function inspect(der: Uint8Array, expected: Expected): Certificate {
  const certificate = Certificate.fromDer(der)
  for (const [rule, holds] of Object.entries(RULES)) {
    if (!holds(certificate, expected))
      throw new Error(`a signed certificate breaks the rule "${rule}"; it was not given out`)
  }
  return certificate
}

const RULES: Record<string, (certificate: Certificate, expected: Expected) => boolean> = {
  'X.509 version 3': certificate => certificate.version === 3,
  'a serial of sixteen bytes, the first not zero': ({ serial }) => serial.length >= 16 && serial.length <= 17,
  'the issuer is the one that signed': ({ issuer, authorityKeyId }, { issuer: by }) =>
    equalBytes(issuer.der, by.certificate.subject.der) &&
    authorityKeyId !== undefined &&
    toHex(authorityKeyId) === by.keyId,
  'no subject but the SPIFFE ID': ({ subject }) => subject.isEmpty,
  'exactly one URI, the SPIFFE ID of tenant and agent': ({ subjectAltName: san }, { spiffeId, subject }) =>
    san?.critical === true &&
    san.uri.length === 1 &&
    san.uri[0] === spiffeId &&
    spiffeId === subject.agent.spiffeId &&
    san.ip.length + san.email.length + san.directoryName.length + san.other.length === 0,
  'the host names of the entry and no others': ({ subjectAltName: san }, { dnsNames }) =>
    san?.dns.length === dnsNames.length && san.dns.every((name, place) => name === dnsNames[place]),
  'host names under the configured suffixes': ({ subjectAltName: san }, { dnsSuffixes }) =>
    san?.dns.every(name => dnsSuffixes.some(suffix => `.${name}`.endsWith(`.${suffix}`))) === true,
  'the tenant of the agent, of the lineage and of the policy are one': (_certificate, { subject }) =>
    subject.agent.tenant === subject.tenant.tenant &&
    subject.lineage.tenant === subject.tenant.tenant &&
    subject.lineage.agent === subject.agent.agent,
  'no certificate authority': ({ basicConstraints }) => basicConstraints !== undefined && !basicConstraints.ca,
  'signs and does nothing else': ({ keyUsage }) => keyUsage?.size === 1 && keyUsage.has('digitalSignature'),
  'for TLS servers and clients': ({ extendedKeyUsage: usages }) =>
    usages?.length === 2 && usages.includes(SERVER_AUTH) && usages.includes(CLIENT_AUTH),
  'begins at most ten seconds ago': ({ notBefore }, { at }) => {
    const age = Math.floor(at / 1000) - notBefore
    return age >= 0 && age <= 10
  },
  'ends within the lifetime of the tier, and lives a minute': ({ notAfter }, { at, tier }) => {
    const left = notAfter + 1 - Math.floor(at / 1000)
    return left >= 60 && left <= LONGEST[tier]
  },
  'ends before its issuer': ({ notAfter }, { issuer }) => notAfter <= issuer.certificate.notAfter,
  'the key of the CSR': ({ publicKey }, { spki }) => equalBytes(publicKey.der, spki),
  'incarnation and lineage of the agent': ({ lanyard }, { subject }) =>
    lanyard !== undefined &&
    lanyard.incarnation === subject.agent.incarnation &&
    lanyard.incarnation > subject.agent.deadThrough &&
    toHex(lanyard.lineage) === subject.lineage.id,
}
