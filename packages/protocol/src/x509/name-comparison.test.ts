import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readDer } from '../der/reader.ts'
import { TAG } from '../der/tags.ts'
import { octetString, oid, sequence, setOf, string } from '../der/writer.ts'
import { NAME_ATTRIBUTES } from '../oids.ts'
import { readName } from './name.ts'
import { nameKey, sameName } from './name-comparison.ts'

type Attribute = readonly [type: keyof typeof NAME_ATTRIBUTES, value: Uint8Array]

const rdn = (...attributes: readonly Attribute[]) =>
  setOf(...attributes.map(([type, value]) => sequence(oid(NAME_ATTRIBUTES[type]), value)))
const nameOf = (...rdns: readonly Uint8Array[]) => readDer(sequence(...rdns), readName)
const text = (value: string, tag: number = TAG.utf8String) => string(tag, value)
const cn = (value: string, tag?: number) => nameOf(rdn(['CN', text(value, tag)]))

describe('sameName', () => {
  const SAME = [
    [cn('Acme'), cn('Acme'), 'the same bytes'],
    [cn('Acme'), cn('aCME'), 'another case'],
    [cn('Acme', TAG.printableString), cn('Acme'), 'another string type'],
    [cn('Acme', TAG.bmpString), cn('acme', TAG.teletexString), 'two old string types'],
    [cn('Acme Root'), cn('  Acme \u00a0  Root '), 'blanks that do not count'],
    [cn('\u00c5'), cn('A\u030a'), 'a letter composed and taken apart'],
    [nameOf(), nameOf(), 'two empty names'],
  ] as const
  for (const [a, b, why] of SAME) it(`takes ${why} for the same`, () => assert.ok(sameName(a, b)))

  const o = rdn(['O', text('a')])
  const ou = rdn(['OU', text('b')])
  const DIFFERENT = [
    [cn('Acme'), cn('Acme2'), 'another text'],
    [cn('Acme Root'), cn('AcmeRoot'), 'a blank that counts'],
    [cn('a'), nameOf(rdn(['O', text('a')])), 'another attribute'],
    [nameOf(o, ou), nameOf(ou, o), 'another order'],
    [nameOf(o, ou), nameOf(rdn(['O', text('a')], ['OU', text('b')])), 'one RDN of two attributes'],
    [nameOf(o), nameOf(o, o), 'an RDN more'],
    [cn('a'), nameOf(), 'an empty name'],
    [cn('#0c0161'), nameOf(rdn(['CN', octetString(Uint8Array.of(97))])), 'octets'],
    [cn('a","2.5.4.10=b'), nameOf(rdn(['CN', text('a')], ['O', text('b')])), 'a text that looks like two attributes'],
    [cn('a"]\n["2.5.4.10=b'), nameOf(rdn(['CN', text('a')]), rdn(['O', text('b')])), 'a text that looks like two RDNs'],
    [
      nameOf(rdn(['CN', octetString(Uint8Array.of(97))])),
      nameOf(rdn(['CN', octetString(Uint8Array.of(65))])),
      'octets in another case',
    ],
  ] as const
  for (const [a, b, why] of DIFFERENT) it(`keeps ${why} apart`, () => assert.ok(!sameName(a, b)))
})

describe('nameKey', () => {
  it('does not depend on the order within one RDN', () => {
    const forth = nameOf(rdn(['O', text('A')], ['OU', text('b')]))
    assert.equal(nameKey(forth), nameKey(nameOf(rdn(['OU', text('B')], ['O', text('a')]))))
  })
})
