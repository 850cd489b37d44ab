import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parentDomain, parseDnsName, parseDnsPattern } from './dns-name.ts'

const label63 = 'a'.repeat(63)

const NOT_HOSTS: readonly [text: string, why: string][] = [
  ['', 'empty'],
  ['.', 'only a dot'],
  ['example.com.', 'a trailing dot'],
  ['.example.com', 'a leading dot'],
  ['a..b', 'an empty label'],
  ['-a.example.com', 'a label that begins with a hyphen'],
  ['a-.example.com', 'a label that ends with a hyphen'],
  ['my_service.example.com', 'an underscore'],
  ['*.example.com', 'a wildcard'],
  ['a b.example.com', 'a space'],
  [' ', 'the space that RFC 5280 names'],
  ['example.com\0.evil.org', 'a NUL, at which C programs stop'],
  ['exämple.com', 'a U-label'],
  ['\u{1f61c}.example.com', 'an emoji'],
  ['\u212a.example.com', 'the Kelvin sign, which toLowerCase turns into a k'],
  ['example\u3002com', 'an ideographic full stop'],
  ['127.0.0.1', 'an IPv4 address'],
  ['1', 'a number, which clients read as 0.0.0.1'],
  ['example.1', 'a last label that is a number'],
  ['[::1]', 'an IPv6 address'],
  ['host:443', 'a port'],
  ['user@example.com', 'a mailbox'],
  ['https://example.com', 'a URI'],
  [`${label63}a.com`, 'a label of 64'],
  [`${`${label63}.`.repeat(4)}com`, '259 characters'],
]

describe('parseDnsName', () => {
  for (const [text, why] of NOT_HOSTS) it(`refuses ${why}`, () => assert.equal(parseDnsName(text), null))

  it('lowers ASCII and nothing else', () => assert.equal(parseDnsName('WwW.Example.COM'), 'www.example.com'))

  it('takes single labels, A-labels and digits', () => {
    for (const name of ['localhost', 'xn--bliss-1b3c148a.example.com', '3com.com', '1.2.3.4.in-addr.arpa', 'a--b.c'])
      assert.equal(parseDnsName(name), name)
  })

  it('allows letters, digits and inner hyphens in a label, of all bytes', () => {
    for (let byte = 0; byte < 256; byte++) {
      const character = String.fromCharCode(byte)
      // A dot makes two labels, which is fine too.
      const allowed = /[A-Za-z0-9.-]/.test(character)
      assert.equal(parseDnsName(`a${character}b.example.com`) !== null, allowed, `byte ${byte}`)
    }
  })

  it('takes exactly the longest label and the longest name', () => {
    assert.ok(parseDnsName(`${label63}.com`))
    assert.ok(parseDnsName(`${`${label63}.`.repeat(3)}${'a'.repeat(61)}`))
    assert.equal(parseDnsName(`${`${label63}.`.repeat(3)}${'a'.repeat(62)}`), null)
  })
})

describe('parseDnsPattern', () => {
  it('takes a wildcard as the whole left-most label', () =>
    assert.deepEqual(parseDnsPattern('*.Example.com'), { wildcard: true, base: 'example.com' }))

  it('takes a host as it is', () =>
    assert.deepEqual(parseDnsPattern('example.com'), { wildcard: false, base: 'example.com' }))

  for (const text of ['*', '*.', '*.*.com', 'ba*.example.com', '*z.example.com', 'foo.*.example.com'])
    it(`refuses ${text}`, () => assert.equal(parseDnsPattern(text), null))

  it('refuses a wildcard within an A-label', () => assert.equal(parseDnsPattern('xn--*-1b3c148a.example.com'), null))

  it('never takes what it does not give back', () => {
    const name = fc.domain().map(domain => domain.toLowerCase())
    fc.assert(
      fc.property(name, domain => {
        assert.deepEqual(parseDnsPattern(domain), { wildcard: false, base: domain })
        assert.deepEqual(parseDnsPattern(`*.${domain}`), { wildcard: true, base: domain })
        assert.equal(parseDnsPattern(`${domain}.`), null)
      }),
    )
  })
})

describe('parentDomain', () => {
  it('drops one label', () => {
    assert.equal(parentDomain('a.b.c'), 'b.c')
    assert.equal(parentDomain('c'), null)
  })
})
