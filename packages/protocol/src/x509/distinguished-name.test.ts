import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { readDer } from '../der/reader.ts'
import { TAG } from '../der/tags.ts'
import { oid, sequence, setOf, string } from '../der/writer.ts'
import { NAME_ATTRIBUTES } from '../oids.ts'
import { refuses } from '../refusals.suite.ts'
import { canonicalDistinguishedName, distinguishedName } from './distinguished-name.ts'
import { encodeName, readName } from './name.ts'

const textOf = (der: Uint8Array) => distinguishedName(readDer(der, readName))
const attribute = (dotted: string, text: string, tag: number = TAG.utf8String) =>
  sequence(oid(dotted), string(tag, text))
const { CN, O } = NAME_ATTRIBUTES

describe('distinguished names as text', () => {
  it('stand with the last part first', () => {
    const der = encodeName([
      ['C', 'DE'],
      ['O', 'Acme, Inc.'],
      ['CN', 'ann'],
    ])
    assert.equal(textOf(der), 'CN=ann,O=Acme\\, Inc.,C=DE')
    assert.equal(textOf(encodeName([])), '')
  })

  it('tell apart what is one part and what is two', () => {
    const two = sequence(setOf(attribute(O, 'b')), setOf(attribute(CN, 'a')))
    const one = sequence(setOf(attribute(O, 'b'), attribute(CN, 'a')))
    assert.equal(textOf(two), 'CN=a,O=b')
    assert.equal(textOf(one), 'CN=a+O=b')
    // No text of one value reads as two.
    assert.equal(textOf(encodeName([['CN', 'a,O=b']])), 'CN=a\\,O=b')
    assert.equal(textOf(encodeName([['CN', 'a+O=b']])), 'CN=a\\+O=b')
  })

  it('are the same whatever the type of the string is, and only then', () => {
    const printable = sequence(setOf(attribute(CN, 'ann', TAG.printableString)))
    assert.equal(textOf(printable), textOf(encodeName([['CN', 'ann']])))
    assert.notEqual(textOf(encodeName([['CN', 'Ann']])), textOf(encodeName([['CN', 'ann']])))
  })

  it('write what has no name in hex', () => {
    assert.equal(textOf(sequence(setOf(attribute('1.2.3.4', 'x')))), '1.2.3.4=#0c0178')
    assert.equal(textOf(encodeName([['CN', '#0c0178']])), 'CN=\\#0c0178')
  })

  it('hold nothing that cannot be seen', () => {
    assert.equal(textOf(encodeName([['CN', ' a\u202eb ']])), 'CN=\\ a\\e2\\80\\aeb\\ ')
    assert.equal(textOf(encodeName([['CN', 'a\u00a0b\n']])), 'CN=a\\c2\\a0b\\0a')
    assert.equal(textOf(encodeName([['CN', ' ']])), 'CN=\\ ')
  })

  it('have one spelling, which what people write leads to', () => {
    const table: [string, string][] = [
      ['cn = ann , o=Acme', 'CN=ann,O=Acme'],
      ['CN=Acme\\2c Inc.', 'CN=Acme\\, Inc.'],
      ['O=b+CN=a', 'CN=a+O=b'],
      ['CN=\\c3\\96', 'CN=Ö'],
      ['CN=a\\=b', 'CN=a=b'],
      ['CN=a\\ ', 'CN=a\\ '],
      ['1.2.3.4=#0C0178', '1.2.3.4=#0c0178'],
      ['2.5.4.3=#0c0178', 'CN=#0c0178'],
    ]
    for (const [text, expected] of table) assert.equal(canonicalDistinguishedName(text), expected, text)
    for (const text of [
      '',
      'ann',
      'CN',
      '=x',
      'CN=a,',
      'CN=a"b',
      'CN=\\',
      'CN=\\x',
      'X=1',
      '1.2.3=x',
      'CN=#0',
      'CN=\\ff',
    ])
      assert.throws(() => canonicalDistinguishedName(text), text)
    refuses('name_malformed', () => canonicalDistinguishedName(`CN=${'a'.repeat(5000)}`))
  })

  it('lead to themselves', () => {
    const type = fc.constantFrom('CN' as const, 'O' as const, 'OU' as const, 'L' as const)
    const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(fc.array(fc.tuple(type, text), { minLength: 1, maxLength: 4 }), attributes => {
        const name = textOf(encodeName(attributes))
        assert.equal(canonicalDistinguishedName(name), name)
      }),
      { numRuns: 500 },
    )
  })

  it('are the same for two names only where these are the same', () => {
    const type = fc.constantFrom('CN' as const, 'O' as const)
    const text = fc.string({
      unit: fc.constantFrom('a', ',', '+', '=', '\\', ' ', '#', 'C', 'N'),
      minLength: 1,
      maxLength: 5,
    })
    const name = fc.array(fc.tuple(type, text), { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(name, name, (a, b) => {
        assert.equal(textOf(encodeName(a)) === textOf(encodeName(b)), JSON.stringify(a) === JSON.stringify(b))
      }),
      { numRuns: 2000 },
    )
  })
})
