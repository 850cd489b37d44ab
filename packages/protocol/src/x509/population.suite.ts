import type { KeyObject } from 'node:crypto'
import fc from 'fast-check'
import type { SignatureAlgorithm } from '../algorithms.ts'
import { SIGNATURE_ALGORITHMS } from '../algorithms.ts'
import { contextConstructed } from '../der/tags.ts'
import { element, integer, octetString, oid, sequence, setOf } from '../der/writer.ts'
import { nodeCrypto, nodeSigner } from '../node/crypto.ts'
import { generateKey, generateKeyNow } from '../node/generate.ts'
import { bytesOf } from '../refusals.suite.ts'
import { signAndAssemble, signCertificate } from './build.ts'
import {
  authorityInfoAccess,
  authorityKeyId,
  basicConstraints,
  crlDistributionPoints,
  extendedKeyUsage,
  keyUsage,
  lanyardIdentity,
  nameConstraints,
  subjectAltName,
  subjectKeyId,
} from './extension-encoders.ts'
import { KEY_USAGES } from './extensions.ts'
import type { GeneralNamesInput } from './general-names.ts'
import { encodeName } from './name.ts'
import { keyIdentifier, parsePublicKey } from './public-key.ts'

/** 40 keys: RSA, P-256, P-384, Ed25519. */
export async function makeKeys(): Promise<KeyObject[]> {
  const rsa = await Promise.all(Array.from({ length: 6 }, (_, index) => generateKey('RSA', index === 0 ? 3072 : 2048)))
  const types = [...Array(12).fill('P-256'), ...Array(12).fill('P-384'), ...Array(10).fill('Ed25519')] as const
  return [...rsa, ...types.map(type => generateKeyNow(type))]
}

const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,10}[a-z0-9]$/)
const host = fc.array(word, { minLength: 2, maxLength: 4 }).map(labels => labels.join('.'))
const spiffeId = fc.tuple(host, word, word).map(([domain, tenant, agent]) => `spiffe://${domain}/${tenant}/${agent}`)
const names: fc.Arbitrary<GeneralNamesInput> = fc.record({
  uri: fc.array(spiffeId, { minLength: 1, maxLength: 2 }),
  dns: fc.array(host, { maxLength: 3 }),
  ip: fc.array(
    fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 })),
    {
      maxLength: 2,
    },
  ),
  email: fc.array(
    fc.tuple(word, host).map(parts => parts.join('@')),
    { maxLength: 1 },
  ),
})
const url = fc.tuple(host, word).map(([authority, path]) => `http://${authority}/${path}`)
const attribute = fc.tuple(
  fc.constantFrom('CN' as const, 'O' as const, 'OU' as const, 'L' as const),
  fc.stringMatching(/^[A-Za-z0-9äöé]{1,12}$/),
)
const name = fc.oneof(
  fc.array(attribute, { minLength: 1, maxLength: 3 }),
  fc.tuple(fc.constant(['C', 'DE'] as const), attribute, fc.constant(['DC', 'test'] as const)),
)

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null })
const extensions = fc
  .tuple(
    maybe(
      fc.oneof(
        fc.constant({ ca: false }),
        fc.nat(9).map(pathLen => ({ ca: true, pathLen })),
        fc.constant({ ca: true }),
      ),
    ),
    maybe(fc.subarray([...KEY_USAGES], { minLength: 1 })),
    maybe(fc.subarray(['serverAuth', 'clientAuth', '1.2.3.4'] as const, { minLength: 1 })),
    maybe(fc.tuple(names, fc.boolean())),
    maybe(fc.record({ permitted: names })),
    maybe(fc.array(url, { minLength: 1, maxLength: 2 })),
    maybe(
      fc.record({ ocsp: fc.array(url, { minLength: 1, maxLength: 1 }), caIssuers: fc.array(url, { maxLength: 1 }) }),
    ),
    maybe(fc.record({ incarnation: fc.maxSafeNat(), lineage: fc.uint8Array({ minLength: 16, maxLength: 16 }) })),
    maybe(fc.uint8Array({ maxLength: 50 })),
  )
  .map(([constraints, usages, purposes, san, limits, crls, access, identity, unknown]) => [
    ...(constraints ? [basicConstraints(constraints)] : []),
    ...(usages ? [keyUsage(usages)] : []),
    ...(purposes ? [extendedKeyUsage(purposes)] : []),
    ...(san ? [subjectAltName(...san)] : []),
    ...(limits ? [nameConstraints(withSubnets(limits))] : []),
    ...(crls ? [crlDistributionPoints(crls)] : []),
    ...(access ? [authorityInfoAccess(access)] : []),
    ...(identity ? [lanyardIdentity(identity)] : []),
    ...(unknown ? [sequence(oid('1.3.6.1.4.1.99999.1'), octetString(unknown))] : []),
  ])

/** Subtrees of addresses have a mask. */
const withSubnets = ({ permitted }: { permitted: GeneralNamesInput }) => ({
  permitted: { ...permitted, ip: (permitted.ip ?? []).map(address => new Uint8Array(2 * address.length)) },
})

const UTC_TIME_END = 2_524_608_000
const certificateSpec = fc.record({
  serial: fc.uint8Array({ minLength: 9, maxLength: 19 }).map(octets => octets.with(0, octets[0]! | 1)),
  issuer: name,
  subject: fc.oneof(name, fc.constant([])),
  notBefore: fc.integer({ min: 0, max: 2_000_000_000 }),
  notAfter: fc.oneof(
    fc.integer({ min: 2_000_000_000, max: UTC_TIME_END - 1 }),
    fc.integer({ min: UTC_TIME_END, max: 253_402_300_799 }),
  ),
  key: fc.nat(39),
  signer: fc.nat(39),
  pss: fc.boolean(),
  extensions,
})

/** Certificates of all kinds, signed by any of the keys with any algorithm that suits it. The same ones each time. */
export function makeCertificates(keys: readonly KeyObject[], count: number): Uint8Array[] {
  return fc.sample(certificateSpec, { numRuns: count, seed: 3 }).map(spec => {
    const subjectKey = parsePublicKey(nodeSigner(keys[spec.key]!).spki)
    const signer = nodeSigner(keys[spec.signer]!, algorithmOf(keys[spec.signer]!, spec.pss))
    const authority = parsePublicKey(signer.spki)
    const identifiers = [
      subjectKeyId(keyIdentifier(subjectKey.keyBits, nodeCrypto)),
      authorityKeyId(keyIdentifier(authority.keyBits, nodeCrypto)),
    ]
    const input = {
      ...spec,
      issuer: encodeName(spec.issuer),
      subject: encodeName(spec.subject),
      spki: subjectKey.der,
      extensions: [...spec.extensions, ...identifiers],
    }
    return signCertificate(input, signer) as Uint8Array
  })
}

function algorithmOf(key: KeyObject, pss: boolean): SignatureAlgorithm | undefined {
  return pss && key.asymmetricKeyType === 'rsa' ? SIGNATURE_ALGORITHMS['RSA-PSS-SHA256'] : undefined
}

const EXTENSION_REQUEST = oid('1.2.840.113549.1.9.14')
const CHALLENGE_PASSWORD = sequence(oid('1.2.840.113549.1.9.7'), setOf(bytesOf('0c06 736563726574')))
const requestSpec = fc.record({
  subject: fc.oneof(name, fc.constant([])),
  key: fc.nat(39),
  san: maybe(names),
  challenge: fc.boolean(),
})

/** Requests of all kinds, as tools send them: with names, extensions and attributes that we never use. */
export function makeRequests(keys: readonly KeyObject[], count: number): Uint8Array[] {
  return fc.sample(requestSpec, { numRuns: count, seed: 4 }).map(({ subject, key, san, challenge }) => {
    const signer = nodeSigner(keys[key]!)
    const requested = san ? [sequence(EXTENSION_REQUEST, setOf(sequence(subjectAltName(san, false))))] : []
    const attributes = [...requested, ...(challenge ? [CHALLENGE_PASSWORD] : [])].toSorted(Buffer.compare)
    const info = sequence(integer(0), encodeName(subject), signer.spki, element(contextConstructed(0), ...attributes))
    return signAndAssemble(info, signer) as Uint8Array
  })
}
