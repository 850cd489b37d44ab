import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { ProtocolError } from '../errors.ts'
import { matchIdentity } from './identity-match.ts'
import { parseIpAddress } from './ip-address.ts'

const matches = (dns: string[], host: string) => matchIdentity({ dns, ip: [] }, { dns: host })
const ip = (text: string) => parseIpAddress(text)!

function refuses(code: string, attempt: () => unknown): void {
  assert.throws(attempt, error => error instanceof ProtocolError && error.code === code)
}

describe('matchIdentity, host names', () => {
  const MATCHES: readonly [presented: string, reference: string][] = [
    ['example.com', 'example.com'],
    ['Example.COM', 'eXample.com'],
    ['example.com', 'example.com.'],
    ['*.example.com', 'foo.example.com'],
    ['*.Example.com', 'FOO.example.com.'],
    ['*.example.com', 'xn--bliss-1b3c148a.example.com'],
    ['localhost', 'localhost'],
  ]
  for (const [presented, reference] of MATCHES)
    it(`${presented} covers ${reference}`, () => assert.equal(matches(['a.test', presented], reference), presented))

  const STRANGERS: readonly [presented: string, reference: string][] = [
    ['example.com', 'example2.com'],
    ['abc.example.com', 'def.example.com'],
    ['example.com', 'abc.example.com'],
    ['abc.example.com', 'example.com'],
    ['*.example.com', 'example.com'],
    ['*.example.com', 'foo.bar.example.com'],
    ['*.com', 'example.com'],
  ]
  for (const [presented, reference] of STRANGERS)
    it(`${presented} does not cover ${reference}`, () =>
      refuses('name_mismatch', () => matches([presented], reference)))

  const MALFORMED: readonly [presented: string, reference: string][] = [
    ['ba*.example.com', 'baz.example.com'],
    ['foo.*.example.com', 'foo.bar.example.com'],
    ['xn--*-1b3c148a.example.com', 'xn--bliss-1b3c148a.example.com'],
    ['\u{1f61c}.example.com', 'xn--628h.example.com'],
    ['example.com\0.evil.org', 'example.com'],
    ['my_host.example.com', 'example.com'],
    ['127.0.0.1', 'example.com'],
    ['.example.com', 'example.com'],
    ['example.com.', 'example.com'],
    ['', 'example.com'],
  ]
  for (const [presented, reference] of MALFORMED)
    it(`refuses a certificate for ${JSON.stringify(presented)}, also beside the right name`, () => {
      refuses('subject_alt_name_invalid', () => matches([presented], reference))
      refuses('subject_alt_name_invalid', () => matches([reference, presented], reference))
    })

  for (const reference of [
    '',
    '.',
    'example.com..',
    '*.example.com',
    'my_host',
    '127.0.0.1',
    '::1',
    'a b',
    'é.example',
  ])
    it(`refuses to look for ${JSON.stringify(reference)}`, () =>
      refuses('reference_name_invalid', () => matches(['example.com', reference], reference)))

  it('finds nothing in a certificate without subjectAltName', () =>
    refuses('name_mismatch', () => matchIdentity(undefined, { dns: 'example.com' })))

  it('never compares a host with an address', () =>
    refuses('name_mismatch', () => matchIdentity({ dns: [], ip: [ip('127.0.0.1')] }, { dns: 'localhost' })))

  it('covers one label by a wildcard and every label without', () => {
    const labels = fc.array(fc.constantFrom('a', 'b', 'xn--c'), { minLength: 1, maxLength: 5 })
    const covered = (dns: string, host: string) => {
      try {
        return matches([dns], host) === dns
      } catch {
        return false
      }
    }
    fc.assert(
      fc.property(labels, labels, (presented, reference) => {
        const host = reference.join('.')
        assert.equal(covered(presented.join('.'), host), presented.join('.') === host)
        const behind = reference.slice(1).join('.')
        assert.equal(covered(`*.${presented.join('.')}`, host), presented.length >= 2 && presented.join('.') === behind)
      }),
    )
  })

  it('shows a few names, and nothing that a terminal would act on', () => {
    const names = Array.from({ length: 500 }, (_, index) => `host${index}.test`)
    const shown = (error: Error) => error.message.length < 300 && !error.message.includes('\u001b')
    assert.throws(() => matches(names, 'example.com'), shown)
    assert.throws(() => matches(['\u001b[2J'.repeat(500)], 'example.com'), shown)
  })
})

describe('matchIdentity, addresses', () => {
  const matchesIp = (addresses: Uint8Array[], reference: Uint8Array) =>
    matchIdentity({ dns: ['localhost'], ip: addresses }, { ip: reference })

  it('compares octets', () => {
    assert.equal(matchesIp([ip('10.0.0.1'), ip('127.0.0.1')], ip('127.0.0.1')), '127.0.0.1')
    assert.equal(matchesIp([ip('::1')], ip('0:0:0:0:0:0:0:1')), '0000:0000:0000:0000:0000:0000:0000:0001')
  })

  it('never takes an address from a dNSName', () =>
    refuses('subject_alt_name_invalid', () => matchIdentity({ dns: ['127.0.0.1'], ip: [] }, { ip: ip('127.0.0.1') })))

  it('keeps the families apart', () =>
    refuses('name_mismatch', () => matchesIp([ip('::ffff:127.0.0.1')], ip('127.0.0.1'))))

  it('refuses a certificate with a range for an address, also beside the right one', () => {
    const range = Uint8Array.of(127, 0, 0, 1, 255, 0, 0, 0)
    refuses('subject_alt_name_invalid', () => matchesIp([ip('127.0.0.1'), range], ip('127.0.0.1')))
    refuses('subject_alt_name_invalid', () => matchIdentity({ dns: ['a.test'], ip: [range] }, { dns: 'a.test' }))
  })

  for (const length of [0, 3, 5, 8, 17, 32])
    it(`refuses to look for ${length} octets`, () =>
      refuses('reference_name_invalid', () => matchesIp([new Uint8Array(length)], new Uint8Array(length))))
})
