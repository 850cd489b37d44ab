import assert from 'node:assert/strict'
import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { ProtocolCode } from './errors.ts'
import { decodePem, encodePem, type PemLimits } from './pem.ts'
import { acceptedOctets, codeOf, octetsOf } from './refusals.suite.ts'

const limits: PemLimits = { labels: ['CERTIFICATE', 'PRIVATE KEY'], maxBytes: 5000, maxBlocks: 3 }
const one = encodePem('CERTIFICATE', new Uint8Array(60))

describe('PEM', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { minLength: 1, maxLength: 3 }), parts => {
        const text = parts.map(part => encodePem('CERTIFICATE', part)).join('')
        assert.deepEqual(
          decodePem(text, limits),
          parts.map(der => ({ label: 'CERTIFICATE', der })),
        )
      }),
    )
  })

  it('is read and written as Node.js does', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const der = new Uint8Array(privateKey.export({ format: 'der', type: 'pkcs8' }))
    const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }) as string
    assert.equal(encodePem('PRIVATE KEY', der), pem)
    assert.deepEqual(decodePem(pem, limits), [{ label: 'PRIVATE KEY', der }])
    assert.ok(createPrivateKey(encodePem('PRIVATE KEY', der)).equals(privateKey))
  })

  it('has base64 alone inside of a block, of all octets', () => {
    const accepted = acceptedOctets(octet =>
      decodePem(`-----BEGIN CERTIFICATE-----\nAAAA${String.fromCharCode(octet)}AAA\n-----END CERTIFICATE-----`, limits),
    )
    // A line break divides the line in two, which is its right.
    const alphabet = octetsOf('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')
    assert.deepEqual(accepted, alphabet)
  })

  const rows: readonly [why: string, text: string, code: ProtocolCode | null][] = [
    ['one block', one, null],
    ['no newline at the end', one.trimEnd(), null],
    ['CRLF', one.replaceAll('\n', '\r\n'), null],
    ['blanks behind lines', one.replaceAll('\n', ' \t\n'), null],
    ['text around', `# Issuer: somebody\n${one}subject=x\n${one}`, null],
    ['one long line', one.replaceAll(/([A-Za-z0-9+/])\n(?!-)/g, '$1'), null],
    ['three blocks', one.repeat(3), null],
    ['four blocks', one.repeat(4), 'pem_too_large'],
    ['5 KB of text', `${one}${' '.repeat(5000)}`, 'pem_too_large'],
    ['nothing', '', 'pem_empty'],
    ['no block', 'MIIB', 'pem_empty'],
    ['another kind of block', encodePem('PUBLIC KEY', new Uint8Array(3)), 'pem_label_unexpected'],
    ['a kind in small letters', one.replaceAll('CERTIFICATE', 'certificate'), 'pem_label_unexpected'],
    ['a kind with control characters', one.replaceAll('CERTIFICATE', '\u001b[2J'), 'pem_label_unexpected'],
    ['a block without end', one.slice(0, -20), 'pem_malformed'],
    ['a beginning within a block', one.replace('\nAAAA', '\n-----BEGIN CERTIFICATE-----\nAAAA'), 'pem_malformed'],
    ['another end than beginning', one.replace('END CERTIFICATE', 'END PRIVATE KEY'), 'pem_malformed'],
    ['an end without beginning', '-----END CERTIFICATE-----\n', 'pem_malformed'],
    ['an end behind a block', `${one}-----END CERTIFICATE-----\n`, 'pem_malformed'],
    ['an empty block', '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n', 'pem_malformed'],
    ['headers', one.replace('\nAAAA', '\nProc-Type: 4,ENCRYPTED\n\nAAAA'), 'pem_malformed'],
    ['padding in the middle', one.replace('\nAAAA', '\nAA==\nAAAA'), 'pem_malformed'],
    ['missing padding', '-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----\n', 'pem_malformed'],
    ['blanks before a line', one.replace('\nAAAA', '\n AAAA'), 'pem_malformed'],
    ['dashes that begin nothing', `-----\n${one}`, 'pem_malformed'],
    ['all in one line', '-----BEGIN CERTIFICATE-----AAAA-----END CERTIFICATE-----', 'pem_label_unexpected'],
  ]
  for (const [why, text, code] of rows)
    it(`${code ?? 'accepted'}: ${why}`, () =>
      assert.equal(
        codeOf(() => decodePem(text, limits)),
        code,
      ))
})
