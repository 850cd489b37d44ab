import { describe } from 'node:test'
import { contextPrimitive } from '../der/tags.ts'
import { parseValue } from '../der/value.ts'
import { boolean, element, ia5String, integer, octetString, oid, sequence } from '../der/writer.ts'
import { rawExtension, TEST_TIME } from '../node/test-ca.ts'
import { ACCESS_METHODS, EXTENDED_KEY_USAGES, EXTENSIONS } from '../oids.ts'
import {
  chainCases,
  correct,
  forgedCa,
  forgedLeaf,
  forgedRoot,
  type TestChain,
  under,
  withCa,
  withLeaf,
  withRoot,
} from './chain.suite.ts'
import {
  authorityInfoAccess,
  basicConstraints,
  extendedKeyUsage,
  keyUsage,
  nameConstraints,
  subjectAltName,
} from './extension-encoders.ts'
import type { Edit } from './forge.suite.ts'
import { EMPTY_NAME } from './name.ts'

const { root, issuing } = correct
const raw = (type: string, critical: boolean, ...content: Uint8Array[]) =>
  rawExtension(type, critical, sequence(...content))
const unknown = (critical: boolean) => ({ unknown: raw('1.3.6.1.4.1.99999.1', critical) })
const CA_TRUE = boolean(true)
const ACCESS = sequence(oid(ACCESS_METHODS.caIssuers), ia5String('leaf.test', contextPrimitive(2)))
const criticalNames = { extensions: { subjectAltName: subjectAltName({ dns: ['leaf.test'] }, true) } }

describe('chains: versions, serial numbers and names', () => {
  chainCases([
    ['a leaf of version 1', () => forgedLeaf(toVersion1), 'certificate_version_forbidden'],
    ['an intermediate of version 1', () => forgedCa(toVersion1), 'certificate_version_forbidden'],
    ['a root of version 1', () => forgedRoot(toVersion1), 'certificate_version_forbidden'],
    ['a leaf without an issuer', () => withLeaf({ issuer: EMPTY_NAME }), 'distinguished_name_missing'],
    ['a root without a name', () => withRoot({ subject: '' }), 'distinguished_name_missing'],
    ['an intermediate without a name', () => withCa({ subject: '' }), 'distinguished_name_missing'],
    ['a leaf without a subject', () => withLeaf({ subject: '' }), 'valid'],
    [
      'a leaf without a subject and names',
      () => withLeaf({ subject: '', extensions: { subjectAltName: null } }),
      'distinguished_name_missing',
    ],
    [
      'a leaf without a subject, its names not critical',
      () => withLeaf({ subject: '', extensions: { subjectAltName: subjectAltName({ dns: ['leaf.test'] }, false) } }),
      'extension_criticality',
    ],
    ['critical names beside a subject', () => withLeaf(criticalNames), 'valid'],
    [
      'critical names beside a subject, asked for a host',
      () => ({ ...withLeaf(criticalNames), name: { dns: 'leaf.test' } }),
      'extension_criticality',
    ],
    ['a leaf with the serial number 0', () => forgedLeaf(toSerialZero), 'serial_number_forbidden'],
    ['an intermediate with the serial number 0', () => forgedCa(toSerialZero), 'serial_number_forbidden'],
    ['a root with the serial number 0', () => forgedRoot(toSerialZero), 'valid'],
  ])
})

describe('chains: validity', () => {
  const ended = { notAfter: TEST_TIME - 1 }
  const early = { notBefore: TEST_TIME + 1 }
  chainCases([
    ['a leaf that has ended', () => withLeaf(ended), 'certificate_expired'],
    ['an intermediate that has ended', () => withCa(ended), 'certificate_expired'],
    ['a root that has ended', () => withRoot(ended), 'certificate_expired'],
    ['a leaf that has not begun', () => withLeaf(early), 'certificate_not_yet_valid'],
    ['an intermediate that has not begun', () => withCa(early), 'certificate_not_yet_valid'],
    ['a root that has not begun', () => withRoot(early), 'certificate_not_yet_valid'],
    [
      'an end before the beginning',
      () => withLeaf({ notBefore: TEST_TIME, notAfter: TEST_TIME - 2 }),
      'certificate_expired',
    ],
  ])
})

describe('chains: who is a CA', () => {
  const noConstraints = { extensions: { basicConstraints: null } }
  const notCa = { extensions: { basicConstraints: basicConstraints({ ca: false }) } }
  const plainCa = { extensions: { basicConstraints: raw(EXTENSIONS.basicConstraints, false, CA_TRUE) } }
  const noUsage = { extensions: { keyUsage: null } }
  const emptyUsage = { extensions: { keyUsage: keyUsage([]) } }
  const crlOnly = { extensions: { keyUsage: keyUsage(['cRLSign']) } }
  chainCases([
    ['a leaf as issuer', () => ({ leaf: issuing.leaf().leaf(), through: [issuing], roots: [root] }), 'chain_untrusted'],
    ['a leaf as issuer that is sent along', () => leafAsIssuer(), 'not_a_ca'],
    [
      'an intermediate without basicConstraints and keyUsage',
      () => withCa({ extensions: { basicConstraints: null, keyUsage: null } }),
      'not_a_ca',
    ],
    ['an intermediate without basicConstraints', () => withCa(noConstraints), 'key_usage_forbidden'],
    ['an intermediate without cA', () => withCa(notCa), 'key_usage_forbidden'],
    [
      'an intermediate without cA and keyCertSign',
      () => withCa({ extensions: { ...notCa.extensions, ...noUsage.extensions } }),
      'not_a_ca',
    ],
    ['an intermediate without keyUsage', () => withCa(noUsage), 'valid'],
    ['an intermediate without any usage', () => withCa(emptyUsage), 'key_usage_forbidden'],
    ['an intermediate that signs CRLs only', () => withCa(crlOnly), 'key_usage_forbidden'],
    ['an intermediate with basicConstraints not critical', () => withCa(plainCa), 'extension_criticality'],
    [
      'a root without basicConstraints and keyUsage',
      () => withRoot({ extensions: { basicConstraints: null, keyUsage: null } }),
      'not_a_ca',
    ],
    ['a root without cA', () => withRoot(notCa), 'key_usage_forbidden'],
    ['a root with basicConstraints not critical', () => withRoot(plainCa), 'extension_criticality'],
    ['a root without any usage', () => withRoot(emptyUsage), 'key_usage_forbidden'],
    ['a root that signs CRLs only', () => withRoot(crlOnly), 'key_usage_forbidden'],

    ['a leaf without basicConstraints', () => withLeaf(noConstraints), 'valid'],
    ['a leaf without keyUsage', () => withLeaf(noUsage), 'valid'],
    ['a leaf without any usage', () => withLeaf(emptyUsage), 'key_usage_forbidden'],
    [
      'a leaf with keyCertSign',
      () => withLeaf({ extensions: { keyUsage: keyUsage(['digitalSignature', 'keyCertSign']) } }),
      'key_usage_forbidden',
    ],
    [
      'a leaf with a path length',
      () => withLeaf({ extensions: { basicConstraints: basicConstraints({ ca: false, pathLen: 0 }) } }),
      'extension_misplaced',
    ],
    [
      'a leaf with cA that may not sign certificates',
      () => withLeaf({ extensions: { basicConstraints: basicConstraints({ ca: true }) } }),
      'key_usage_forbidden',
    ],
    ['a CA as leaf', () => caAsLeaf('ca.test'), 'valid'],
    ['a CA as leaf for another host', () => caAsLeaf('other.test'), 'name_mismatch'],
  ])
})

describe('chains: purposes', () => {
  const { serverAuth, clientAuth, any } = EXTENDED_KEY_USAGES
  const emailProtection = '1.3.6.1.5.5.7.3.4'
  const eku = (...purposes: `${number}.${string}`[]) => ({
    extensions: { extendedKeyUsage: extendedKeyUsage(purposes) },
  })
  const usage = (purpose: 'serverAuth' | 'clientAuth', ...usages: Parameters<typeof keyUsage>[0]) =>
    withLeaf({ extensions: { keyUsage: keyUsage(usages), extendedKeyUsage: extendedKeyUsage([purpose]) } })
  chainCases([
    ['a leaf for servers', () => withLeaf(eku(serverAuth)), 'valid'],
    ['a leaf for clients, as a server', () => withLeaf(eku(clientAuth)), 'extended_key_usage_forbidden'],
    ['a leaf for clients', () => ({ ...withLeaf(eku(clientAuth)), purpose: 'clientAuth' }), 'valid'],
    [
      'a leaf for servers, as a client',
      () => ({ ...withLeaf(eku(serverAuth)), purpose: 'clientAuth' }),
      'extended_key_usage_forbidden',
    ],
    ['a leaf for mail, when nobody asks', () => ({ ...withLeaf(eku(emailProtection)), purpose: 'any' }), 'valid'],
    ['a leaf without purposes', () => withLeaf({ extensions: { extendedKeyUsage: null } }), 'valid'],
    ['a leaf for any purpose', () => withLeaf(eku(any)), 'extended_key_usage_forbidden'],
    ['a leaf for servers and any purpose', () => withLeaf(eku(serverAuth, any)), 'extended_key_usage_forbidden'],
    ['a leaf for any purpose, when nobody asks', () => ({ ...withLeaf(eku(any)), purpose: 'any' }), 'valid'],
    [
      'an empty list of purposes',
      () => withLeaf({ extensions: { extendedKeyUsage: raw(EXTENSIONS.extendedKeyUsage, false) } }),
      'extension_malformed',
    ],
    ['an intermediate for servers', () => withCa(eku(serverAuth, clientAuth)), 'valid'],
    ['an intermediate for any purpose', () => withCa(eku(any)), 'valid'],
    ['an intermediate for mail', () => withCa(eku(emailProtection)), 'extended_key_usage_forbidden'],
    ['an intermediate for clients', () => withCa(eku(clientAuth)), 'extended_key_usage_forbidden'],
    ['a root for servers', () => withRoot(eku(serverAuth)), 'valid'],
    ['a root for mail', () => withRoot(eku(emailProtection)), 'extended_key_usage_forbidden'],
    ['a server that only encrypts keys', () => usage('serverAuth', 'keyEncipherment'), 'valid'],
    ['a server that only signs documents', () => usage('serverAuth', 'nonRepudiation'), 'key_usage_forbidden'],
    [
      'a client that only encrypts keys',
      () => ({ ...usage('clientAuth', 'keyEncipherment'), purpose: 'clientAuth' }),
      'key_usage_forbidden',
    ],
  ])
})

describe('chains: extensions', () => {
  const aki = (content: Uint8Array, critical = false) => ({
    extensions: { authorityKeyId: raw(EXTENSIONS.authorityKeyIdentifier, critical, content) },
  })
  const keyId = element(contextPrimitive(0), new Uint8Array(20))
  const ski = {
    extensions: { subjectKeyId: rawExtension(EXTENSIONS.subjectKeyIdentifier, true, octetString(new Uint8Array(20))) },
  }
  const noSki = { extensions: { subjectKeyId: null } }
  const noAki = { extensions: { authorityKeyId: null } }
  const policies = (critical: boolean) => ({
    extensions: { policies: raw(EXTENSIONS.certificatePolicies, critical, sequence(oid('2.5.29.32.0'))) },
  })
  const policyConstraints = (critical: boolean) => ({
    extensions: { limits: raw(EXTENSIONS.policyConstraints, critical, element(contextPrimitive(0), Uint8Array.of(3))) },
  })
  const inhibit = { extensions: { limits: rawExtension(EXTENSIONS.inhibitAnyPolicy, true, integer(0)) } }
  const mappings = (critical: boolean) => ({
    extensions: { mappings: raw(EXTENSIONS.policyMappings, critical, sequence(oid('1.2.3'), oid('1.2.4'))) },
  })
  chainCases([
    ['an unknown one in the leaf', () => withLeaf({ extensions: unknown(false) }), 'valid'],
    [
      'an unknown critical one in the leaf',
      () => withLeaf({ extensions: unknown(true) }),
      'extension_critical_unknown',
    ],
    [
      'an unknown critical one in an intermediate',
      () => withCa({ extensions: unknown(true) }),
      'extension_critical_unknown',
    ],
    [
      'an unknown critical one in the root',
      () => withRoot({ extensions: unknown(true) }),
      'extension_critical_unknown',
    ],
    [
      'an extension twice',
      () => withLeaf({ extensions: { again: subjectAltName({ dns: ['leaf.test'] }, false) } }),
      'extension_duplicate',
    ],
    [
      'critical CRL distribution points, since no CRL is read',
      () => withLeaf({ extensions: { crl: raw(EXTENSIONS.crlDistributionPoints, true, sequence()) } }),
      'extension_critical_unknown',
    ],
    [
      'authorityInfoAccess',
      () => withLeaf({ extensions: { aia: authorityInfoAccess({ ocsp: ['http://ocsp.test'] }) } }),
      'valid',
    ],
    [
      'authorityInfoAccess that names a host',
      () => withLeaf({ extensions: { aia: raw(EXTENSIONS.authorityInfoAccess, false, ACCESS) } }),
      'valid',
    ],
    [
      'critical authorityInfoAccess',
      () => withLeaf({ extensions: { aia: raw(EXTENSIONS.authorityInfoAccess, true, ACCESS) } }),
      'extension_criticality',
    ],
    [
      'malformed authorityInfoAccess',
      () =>
        withLeaf({
          extensions: { aia: rawExtension(EXTENSIONS.authorityInfoAccess, false, Buffer.from('malformed')) },
        }),
      'der_tag_unexpected',
    ],
    [
      'malformed names',
      () =>
        withLeaf({
          extensions: { subjectAltName: rawExtension(EXTENSIONS.subjectAltName, false, Buffer.from('leaf.test')) },
        }),
      'der_tag_unexpected',
    ],
    ['critical policies, any of which suits', () => withLeaf(policies(true)), 'valid'],
    ['limits on policies', () => withCa(policyConstraints(true)), 'extension_critical_unknown'],
    ['limits on policies, not critical', () => withCa(policyConstraints(false)), 'extension_criticality'],
    ['an end to any policy', () => withCa(inhibit), 'extension_critical_unknown'],
    ['mapped policies', () => withCa(mappings(false)), 'valid'],
    ['critical mapped policies', () => withCa(mappings(true)), 'extension_critical_unknown'],
    [
      'name constraints in a leaf',
      () => withLeaf({ extensions: { nc: nameConstraints({ permitted: { dns: ['leaf.test'] } }) } }),
      'extension_misplaced',
    ],

    ['a root without an authority key identifier', () => withRoot(noAki), 'valid'],
    ['a leaf without one', () => withLeaf(noAki), 'extension_missing'],
    ['an intermediate without one', () => withCa(noAki), 'extension_missing'],
    ['a root that is not self-signed and lacks one', () => under(root.ca(noAki)), 'extension_missing'],
    ['a critical one in the root', () => withRoot(aki(keyId, true)), 'extension_criticality'],
    ['a critical one in the leaf', () => withLeaf(aki(keyId, true)), 'extension_criticality'],
    ['one without a key identifier in the root', () => withRoot(aki(new Uint8Array())), 'extension_missing'],
    [
      'one with a serial number and no issuer',
      () => withRoot(aki(element(contextPrimitive(2), Uint8Array.of(1)))),
      'extension_malformed',
    ],
    ['a self-signed root that names another key', () => withRoot(aki(keyId)), 'key_identifier_mismatch'],
    ['a leaf that names another key than the one that signed it', () => withLeaf(aki(keyId)), 'valid'],
    ['a root without a subject key identifier', () => withRoot(noSki), 'extension_missing'],
    ['an intermediate without one of those', () => withCa(noSki), 'extension_missing'],
    ['a leaf without one of those', () => withLeaf(noSki), 'valid'],
    ['a critical one of those in the root', () => withRoot(ski), 'extension_criticality'],
  ])
})

function leafAsIssuer(): TestChain {
  const issuer = issuing.leaf()
  return { leaf: issuer.leaf(), through: [issuer, issuing], roots: [root] }
}

function caAsLeaf(host: string): TestChain {
  return { leaf: root.ca({ names: { dns: ['ca.test'] } }), roots: [root], name: { dns: host } }
}

const toSerialZero: Edit = fields => {
  fields.serial = parseValue(integer(0))
}
const toVersion1: Edit = fields => {
  delete fields.version
  delete fields.extensions
}
