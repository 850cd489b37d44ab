import { createHash, sign } from 'node:crypto'
import { contextPrimitive } from '../der/tags.ts'
import {
  bitString,
  boolean,
  element,
  ia5String,
  integer,
  octetString,
  oid,
  sequence,
  time,
  unsigned,
  wholeBits,
} from '../der/writer.ts'
import { type TestKey, testKey } from '../jose/tokens.suite.ts'
import { EXTENDED_KEY_USAGES, EXTENSIONS, SIGNATURE_OIDS } from '../oids.ts'
import { Certificate } from '../x509/certificate.ts'
import { KEY_USAGES, type KeyUsage } from '../x509/extensions.ts'
import { EMPTY_NAME, encodeName } from '../x509/name.ts'

/** A small CA for tests. It writes any certificate, wrong ones too, and shares no rules with the code under test. */
export const NOW = 1_795_000_000

export interface Shape {
  readonly subject?: string
  readonly uris?: readonly string[]
  readonly dns?: readonly string[]
  readonly sanCritical?: boolean
  /** Null leaves basicConstraints out. */
  readonly ca?: boolean | null
  /** Null leaves keyUsage out. */
  readonly keyUsage?: readonly KeyUsage[] | null
  readonly keyUsageCritical?: boolean
  /** OIDs; null leaves extendedKeyUsage out. */
  readonly extendedKeyUsage?: readonly string[] | null
  readonly notBefore?: number
  readonly notAfter?: number
}

export const LEAF: Shape = {
  uris: ['spiffe://example.org/tenant/acme/agent/a'],
  sanCritical: true,
  ca: false,
  keyUsage: ['digitalSignature'],
  keyUsageCritical: true,
  extendedKeyUsage: [EXTENDED_KEY_USAGES.serverAuth, EXTENDED_KEY_USAGES.clientAuth],
}

export const AUTHORITY: Shape = {
  uris: ['spiffe://example.org'],
  ca: true,
  keyUsage: ['keyCertSign', 'cRLSign'],
  keyUsageCritical: true,
  extendedKeyUsage: null,
}

export interface TestAuthority {
  readonly certificate: Certificate
  issue(shape: Shape, key?: TestKey): Certificate
  /** An authority below this one. */
  delegate(name: string, shape?: Shape): TestAuthority
}

let serial = 1n

export function testRoot(name: string, shape: Shape = AUTHORITY): TestAuthority {
  const key = testKey('P-256', name)
  return authority(name, key, write({ ...shape, subject: name }, key, name, key))
}

function authority(name: string, key: TestKey, certificate: Certificate): TestAuthority {
  return {
    certificate,
    issue: (shape, own = testKey('P-256', 'leaf')) => write(shape, own, name, key),
    delegate: (below, shape = AUTHORITY) => {
      const own = testKey('P-256', below)
      return authority(below, own, write({ ...shape, subject: below }, own, name, key))
    },
  }
}

function write(shape: Shape, key: TestKey, issuer: string, issuerKey: TestKey): Certificate {
  const algorithm = sequence(oid(SIGNATURE_OIDS.ecdsaWithSha256))
  const tbs = sequence(
    element(0xa0, integer(2)),
    unsigned(integerOctets(serial++)),
    algorithm,
    encodeName([['CN', issuer]]),
    sequence(time(shape.notBefore ?? NOW - 10), time(shape.notAfter ?? NOW + 299)),
    shape.subject === undefined ? EMPTY_NAME : encodeName([['CN', shape.subject]]),
    key.spki,
    element(0xa3, sequence(...extensions(shape, key, issuerKey))),
  )
  const signature = new Uint8Array(sign('sha256', tbs, issuerKey.privateKey))
  return Certificate.fromDer(sequence(tbs, algorithm, wholeBits(signature)))
}

function integerOctets(value: bigint): Uint8Array {
  return new Uint8Array(Buffer.from(value.toString(16).padStart(32, '1'), 'hex'))
}

function extensions(shape: Shape, key: TestKey, issuerKey: TestKey): Uint8Array[] {
  const { uris = [], dns = [], ca, keyUsage, extendedKeyUsage } = shape
  const names = [
    ...uris.map(uri => ia5String(uri, contextPrimitive(6))),
    ...dns.map(name => ia5String(name, contextPrimitive(2))),
  ]
  const identifier = (of: TestKey) => new Uint8Array(createHash('sha256').update(of.spki).digest().subarray(0, 20))
  return [
    extension(EXTENSIONS.subjectKeyIdentifier, false, octetString(identifier(key))),
    extension(EXTENSIONS.authorityKeyIdentifier, false, sequence(element(contextPrimitive(0), identifier(issuerKey)))),
    names.length === 0 ? null : extension(EXTENSIONS.subjectAltName, shape.sanCritical ?? false, sequence(...names)),
    ca == null ? null : extension(EXTENSIONS.basicConstraints, true, ca ? sequence(boolean(true)) : sequence()),
    keyUsage == null ? null : extension(EXTENSIONS.keyUsage, shape.keyUsageCritical ?? false, usageBits(keyUsage)),
    extendedKeyUsage == null
      ? null
      : extension(EXTENSIONS.extendedKeyUsage, false, sequence(...extendedKeyUsage.map(name => oid(name)))),
  ].filter(encoded => encoded !== null)
}

function extension(name: string, critical: boolean, value: Uint8Array): Uint8Array {
  return sequence(oid(name), ...(critical ? [boolean(true)] : []), octetString(value))
}

/** X.690, 11.2.2: named bits end with the last one that is set. */
function usageBits(usages: readonly KeyUsage[]): Uint8Array {
  const positions = usages.map(usage => KEY_USAGES.indexOf(usage))
  const last = Math.max(-1, ...positions)
  const bytes = new Uint8Array(Math.ceil((last + 1) / 8))
  for (const position of positions) bytes[position >> 3]! |= 0x80 >> (position & 7)
  return bitString({ unused: 8 * bytes.length - last - 1, bytes })
}
