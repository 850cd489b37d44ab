import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { encodeBase64 } from '../base64.ts'
import { type ProtocolCode, ProtocolError } from '../errors.ts'
import { encodePem } from '../pem.ts'
import { codeOf } from '../refusals.suite.ts'
import { readBase64Der } from './base64-der.ts'
import { type ForwardedChain, MAX_FORWARDED_CHAIN, MAX_FORWARDED_CHARS } from './chain.ts'
import { readClientCert } from './client-cert.ts'
import { readEscapedPem } from './escaped-pem.ts'
import { readXfcc } from './xfcc.ts'

const A = Uint8Array.of(0x30, 3, 1, 1, 0xff)
const B = Uint8Array.of(0x30, 3, 1, 1, 0)
const LONG = new Uint8Array(100).fill(0xfb)

const item = (der: Uint8Array) => `:${encodeBase64(der)}:`
const pem = (...ders: readonly Uint8Array[]) => ders.map(der => encodePem('CERTIFICATE', der)).join('')
/** As nginx and Envoy escape. */
const escaped = (text: string) => encodeURIComponent(text)
/** As AWS does: `+=/` stand for themselves. */
const escapedByAws = (text: string) =>
  encodeURIComponent(text).replaceAll('%2B', '+').replaceAll('%3D', '=').replaceAll('%2F', '/')
const hexOf = (chain: ForwardedChain) => chain.map(der => Buffer.from(der).toString('hex'))

type Row = readonly [value: string, expected: ProtocolCode | readonly Uint8Array[], why: string]

function table(read: (value: string) => ForwardedChain, rows: readonly Row[]): void {
  for (const [value, expected, why] of rows)
    it(`${typeof expected === 'string' ? expected : 'accepted'}: ${why}`, () => {
      if (typeof expected === 'string')
        return assert.equal(
          codeOf(() => read(value)),
          expected,
        )
      assert.deepEqual(hexOf(read(value)), hexOf(expected as unknown as ForwardedChain))
    })
}

const BAD = 'forwarded_malformed'

describe('Client-Cert (RFC 9440)', () => {
  table(readClientCert, [
    [item(A), [A], 'a byte sequence'],
    [`  ${item(A)} `, [A], 'blanks around an item (RFC 8941, 4.2)'],
    ['', BAD, 'nothing'],
    ['::', BAD, 'no bytes'],
    [':', BAD, 'one colon'],
    [encodeBase64(A), BAD, 'base64 without colons'],
    [`:${encodeBase64(A)}`, BAD, 'without its end'],
    [`${item(A)}, ${item(B)}`, BAD, 'two of them: which one is the client?'],
    [`${item(A)}${item(B)}`, BAD, 'two of them, with nothing between'],
    [`${item(A)};a=1`, BAD, 'a parameter, which is not defined'],
    [`"${encodeBase64(A)}"`, BAD, 'a string'],
    [`(${item(A)})`, BAD, 'an inner list'],
    [item(A).replace('=', ''), BAD, 'without padding'],
    [':MAMBAf8=\t:', BAD, 'a tab in the base64'],
    [':MAMBAf9=:', BAD, 'spare bits that are not zero'],
    [`\t${item(A)}`, BAD, 'a tab around an item'],
    [`\u00a0${item(A)}`, BAD, 'another kind of blank'],
    [':MAMB-f8=:', BAD, 'base64url'],
    [`:${'A'.repeat(MAX_FORWARDED_CHARS)}:`, 'forwarded_too_large', 'more than anybody sends'],
  ])
})

describe('Client-Cert-Chain (RFC 9440)', () => {
  const read = (...lines: readonly string[]) => readClientCert(item(A), lines)
  table(read, [
    [item(B), [A, B], 'one certificate'],
    [`${item(B)}, ${item(LONG)}`, [A, B, LONG], 'two'],
    [`${item(B)}\t ,${item(LONG)}`, [A, B, LONG], 'any blanks at a comma'],
    ['', [A], 'an empty list'],
    [`${item(B)},`, BAD, 'a comma at the end'],
    [`,${item(B)}`, BAD, 'a comma at the beginning'],
    [`${item(B)},,${item(B)}`, BAD, 'nothing between commas'],
    [`${item(B)} ${item(B)}`, BAD, 'no comma'],
    [`${item(B)};a`, BAD, 'a parameter'],
    [`${item(B)},\n${item(B)}`, BAD, 'a line break'],
  ])

  it('lines are combined, and then capped', () => {
    assert.deepEqual(hexOf(read(item(B), `${item(LONG)}, ${item(A)}`)), hexOf([A, B, LONG, A]))
    const full = Array.from({ length: MAX_FORWARDED_CHAIN - 1 }, () => item(B))
    assert.equal(read(...full).length, MAX_FORWARDED_CHAIN)
    assert.equal(
      codeOf(() => read(...full, item(B))),
      'forwarded_too_large',
    )
    const half = `:${'A'.repeat(MAX_FORWARDED_CHARS / 2)}:`
    assert.equal(
      codeOf(() => read(half, half)),
      'forwarded_too_large',
    )
    assert.equal(
      codeOf(() => read(item(B), '')),
      BAD,
    )
  })
})

describe('URL-encoded PEM', () => {
  table(readEscapedPem, [
    [escaped(pem(A)), [A], 'as nginx writes it'],
    [escapedByAws(pem(LONG)), [LONG], 'as AWS writes it, with + / = as they are'],
    [escaped(pem(A, B, LONG)), [A, B, LONG], 'a chain'],
    [escaped(pem(A).trimEnd()), [A], 'without the last line end'],
    [escaped(pem(LONG).replace(/(.{40})/, '$1\n')), [LONG], 'lines of another width'],
    [escaped(pem(A)).replaceAll('%2F', '%2f'), [A], 'lower-case digits'],
    ['', BAD, 'nothing'],
    ['(null)', BAD, 'what a template wrote that had none'],
    [pem(A), BAD, 'not encoded'],
    [pem(A).replaceAll('\n', ' '), BAD, 'with blanks in the place of line ends'],
    [escaped(pem(A)).replaceAll('%20', '+'), BAD, 'a plus sign for a blank'],
    [escaped(escaped(pem(A))), BAD, 'encoded twice'],
    [`${escaped(pem(A))}%`, BAD, 'an escape without digits'],
    [`${escaped(pem(A))}%0`, BAD, 'an escape with one digit'],
    [`${escaped(pem(A))}%0G`, BAD, 'an escape with a letter that is none'],
    [`${escaped(pem(A))}%00`, BAD, 'U+0000 at the end'],
    [`${escaped(pem(A))}%C3%A4`, BAD, 'UTF-8 beyond ASCII'],
    [`${escaped(pem(A))}%0D%0A`, BAD, 'a carriage return'],
    [escaped(`x\n${pem(A)}`), BAD, 'text before the block'],
    [escaped(`${pem(A)}x\n${pem(B)}`), BAD, 'text between blocks'],
    [escaped(`${pem(A)}x`), BAD, 'text behind the block'],
    [escaped(encodePem('PRIVATE KEY', A)), BAD, 'a block of another kind'],
    [escaped(pem(A) + encodePem('PRIVATE KEY', A)), BAD, 'a block of another kind beside it'],
    [escaped('-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n'), BAD, 'an empty block'],
    [escaped('-----BEGIN CERTIFICATE-----\nMAMBAf8=\n'), BAD, 'a block without its end'],
    [escaped(pem(A).replace('END CERTIFICATE', 'END X')), BAD, 'an end of another kind'],
    [`"${escaped(pem(A))}"`, BAD, 'in quotation marks'],
    [`${escaped(pem(A))}, ${escaped(pem(B))}`, BAD, 'two values that somebody joined'],
    [escaped(pem(...Array<Uint8Array>(MAX_FORWARDED_CHAIN + 1).fill(A))), 'forwarded_too_large', 'a long chain'],
    [escaped(pem(...Array<Uint8Array>(MAX_FORWARDED_CHAIN + 2).fill(A))), BAD, 'one that is not read to its end'],
    ['%41'.repeat(MAX_FORWARDED_CHARS), 'forwarded_too_large', 'more than anybody sends'],
  ])
})

describe('base64 DER of HAProxy', () => {
  table(readBase64Der, [
    [encodeBase64(A), [A], 'a certificate'],
    ['', BAD, 'nothing: there was no certificate'],
    ['-', BAD, 'what a log writes for nothing'],
    [`${encodeBase64(A)}${encodeBase64(B)}`, BAD, 'two of them'],
    [`${encodeBase64(A)}, ${encodeBase64(B)}`, BAD, 'two values that somebody joined'],
    [encodeBase64(A).replace('=', ''), BAD, 'without padding'],
    [` ${encodeBase64(A)}`, BAD, 'with a blank'],
    [escaped(encodeBase64(A)), BAD, 'URL-encoded'],
    ['A'.repeat(MAX_FORWARDED_CHARS + 4), 'forwarded_too_large', 'more than anybody sends'],
  ])
})

describe('x-forwarded-client-cert of Envoy', () => {
  const cert = `Cert="${escaped(pem(A))}"`
  const chain = `Chain="${escaped(pem(A, B))}"`
  table(readXfcc, [
    [cert, [A], 'the certificate'],
    [chain, [A, B], 'the chain, which begins with it'],
    [`${cert};${chain}`, [A, B], 'both'],
    [`By=spiffe://x/lb;Hash=00;${cert};${chain};Subject="";URI=spiffe://x/a`, [A, B], 'all that Envoy can say'],
    [`By=a;By=b;URI=u;URI=v;DNS=d;DNS=e;${cert}`, [A], 'several names'],
    [`${cert};URI=https://x/?a=b`, [A], 'an equals sign in a name'],
    [`Subject="CN=\\"x\\",O=a;b,c\\d";${cert}`, [A], 'whatever stands in quotation marks'],
    [`Cert=${escaped(pem(A))}`, [A], 'without quotation marks that are not needed'],
    [`Next=1;${cert}`, [A], 'a key of a later version'],
    ['', BAD, 'nothing'],
    ['By=spiffe://x/lb;Hash=00;URI=spiffe://x/a', BAD, 'names without a certificate'],
    [`${cert},By=x;${cert}`, 'forwarded_ambiguous', 'the word of two hops'],
    [`${cert},`, 'forwarded_ambiguous', 'a second element without anything'],
    [`,${cert}`, BAD, 'an empty element first'],
    [`${cert};${cert}`, 'forwarded_ambiguous', 'the certificate twice'],
    [`${cert};CERT="${escaped(pem(B))}"`, 'forwarded_ambiguous', 'the certificate twice, in another case'],
    [`${chain};chain="${escaped(pem(B))}"`, 'forwarded_ambiguous', 'the chain twice'],
    [`Cert="${escaped(pem(A, B))}"`, 'forwarded_ambiguous', 'two certificates in the place of one'],
    [`Cert="${escaped(pem(B))}";${chain}`, 'forwarded_ambiguous', 'a chain of somebody else'],
    [`URI=x,y;${cert}`, 'forwarded_ambiguous', 'a comma in a name, which looks like another hop'],
    [`URI=x;Cert="${escaped(pem(B))}";${cert}`, 'forwarded_ambiguous', 'a name that pretends to be a certificate'],
    [`${cert};`, BAD, 'a semicolon at the end'],
    [`${cert}x`, BAD, 'something behind quotation marks'],
    [`${cert.slice(0, -1)}`, BAD, 'quotation marks without an end'],
    [`${cert.slice(0, -1)}\\"`, BAD, 'quotation marks whose end is escaped'],
    [`a"b=1;${cert}`, BAD, 'a quotation mark in a key'],
    [`Subject=a"b;${cert}`, BAD, 'a quotation mark in a plain value'],
    [`Cert;${cert}`, BAD, 'a key without a value'],
    [`=x;${cert}`, BAD, 'a value without a key'],
    [` ${cert}`, BAD, 'a blank before a key'],
    [`Cert=""`, BAD, 'an empty value'],
    [`${'k=v;'.repeat(201)}${cert}`, BAD, 'more pairs than a certificate has names'],
    ['k'.repeat(MAX_FORWARDED_CHARS + 1), 'forwarded_too_large', 'more than anybody sends'],
  ])
})

describe('in all forms', () => {
  const der = fc.uint8Array({ minLength: 1, maxLength: 200 })
  const ders = fc.array(der, { minLength: 1, maxLength: MAX_FORWARDED_CHAIN })
  /** Each way to write a chain down, beside the one that reads it. */
  const FORMS: readonly (readonly [
    read: (value: string) => ForwardedChain,
    write: (chain: readonly Uint8Array[]) => string,
  ])[] = [
    [value => readClientCert(value.split('|')[0]!, value.split('|').slice(1)), chain => chain.map(item).join('|')],
    [readEscapedPem, chain => escaped(pem(...chain))],
    [readEscapedPem, chain => escapedByAws(pem(...chain))],
    [readXfcc, chain => `By=x;Cert="${escaped(pem(chain[0]!))}";Chain="${escaped(pem(...chain))}";URI=y`],
  ]

  it('what was written is read', () => {
    fc.assert(
      fc.property(ders, fc.constantFrom(...FORMS), (chain, [read, write]) =>
        assert.deepEqual(hexOf(read(write(chain))), hexOf(chain as unknown as ForwardedChain)),
      ),
    )
    fc.assert(fc.property(der, one => assert.deepEqual(hexOf(readBase64Der(encodeBase64(one))), hexOf([one]))))
  })

  it('whatever comes is read or refused by a code of this folder', () => {
    const readers = [
      readClientCert,
      readEscapedPem,
      readBase64Der,
      readXfcc,
      (v: string) => readClientCert(item(A), [v]),
    ]
    const judge = (value: string) => {
      for (const read of readers) {
        try {
          assert.ok(read(value).length >= 1)
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error
          assert.match(error.code, /^forwarded_/)
        }
      }
    }
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 300 }), judge))
    const cut = fc.tuple(ders, fc.constantFrom(...FORMS), fc.nat(), fc.string({ maxLength: 3 }))
    fc.assert(
      fc.property(cut, ([chain, [, write], where, instead]) => {
        const value = write(chain)
        const at = where % value.length
        judge(value.slice(0, at) + instead + value.slice(at + 1))
      }),
    )
  })
})
