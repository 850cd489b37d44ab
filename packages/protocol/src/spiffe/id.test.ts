import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { ProtocolCode } from '../errors.ts'
import { codeOf, refuses } from '../refusals.suite.ts'
import { MAX_SPIFFE_ID_BYTES, MAX_TRUST_DOMAIN_BYTES, SpiffeId, TrustDomain } from './id.ts'

const DIGITS = '0123456789'
const LOWER = 'abcdefghijklmnopqrstuvwxyz'
const UPPER = LOWER.toUpperCase()
const TRUST_DOMAIN_ALPHABET = new Set(`${LOWER}${DIGITS}.-_`)
const PATH_ALPHABET = new Set(`${LOWER}${UPPER}${DIGITS}.-_`)

const td = TrustDomain.parse('example.org')

/** All code points 0 to 255, and some beyond that look like, fold to or are cut down to an allowed one. */
const POINTS = [...Array(256).keys(), 0x130, 0x131, 0x17f, 0x212a, 0x2024, 0x2025, 0x2215, 0xff0e, 0xff41, 0x1d4b6]

describe('the alphabet of a trust domain', () => {
  for (const place of ['start', 'middle', 'end'] as const) {
    it(`allows exactly a-z 0-9 . - _ at the ${place}`, () => {
      for (const point of POINTS) {
        const character = String.fromCodePoint(point)
        const name = { start: `${character}x`, middle: `a${character}b`, end: `x${character}` }[place]
        const expected = TRUST_DOMAIN_ALPHABET.has(character) ? null : 'trust_domain_character'
        assert.equal(
          codeOf(() => TrustDomain.parse(name)),
          expected,
          `U+${point.toString(16)}`,
        )
        // Inside of a URI the slash ends the trust domain; all others behave as in the bare name.
        if (character !== '/')
          assert.equal(
            codeOf(() => SpiffeId.parse(`spiffe://${name}/p`)),
            expected,
            `U+${point.toString(16)}`,
          )
      }
    })
  }
})

describe('the alphabet of a path', () => {
  for (const place of ['start', 'middle', 'end'] as const) {
    it(`allows exactly a-z A-Z 0-9 . - _ at the ${place} of a segment`, () => {
      for (const point of POINTS) {
        const character = String.fromCodePoint(point)
        const segment = { start: `${character}x`, middle: `a${character}b`, end: `x${character}` }[place]
        const expected = PATH_ALPHABET.has(character) ? null : 'spiffe_path_character'
        assert.equal(
          codeOf(() => SpiffeId.of(td, segment)),
          expected,
          `U+${point.toString(16)}`,
        )
        if (character !== '/')
          assert.equal(
            codeOf(() => SpiffeId.parse(`spiffe://example.org/${segment}`)),
            expected,
            `U+${point.toString(16)}`,
          )
      }
    })
  }
})

const VALID: readonly [uri: string, trustDomain: string, path: string][] = [
  ['spiffe://example.org', 'example.org', ''],
  ['spiffe://example.org/path', 'example.org', '/path'],
  ['spiffe://example.org/tenant/acme/agent/billing-7', 'example.org', '/tenant/acme/agent/billing-7'],
  ['spiffe://example.org/Path', 'example.org', '/Path'],
  ['spiffe://example..org', 'example..org', ''],
  ['spiffe://.', '.', ''],
  ['spiffe://-_.', '-_.', ''],
  ['spiffe://192.0.2.1/x', '192.0.2.1', '/x'],
  ['spiffe://example.org/.path', 'example.org', '/.path'],
  ['spiffe://example.org/..path', 'example.org', '/..path'],
  ['spiffe://example.org/path.', 'example.org', '/path.'],
  ['spiffe://example.org/...', 'example.org', '/...'],
  ['spiffe://example.org/a/.../b', 'example.org', '/a/.../b'],
  ['spiffe://example.org/spire/server', 'example.org', '/spire/server'],
]

const HOSTILE: readonly [input: string, code: ProtocolCode, why: string][] = [
  ['', 'spiffe_id_scheme', 'empty'],
  ['s', 'spiffe_id_scheme', 'the first letter alone'],
  ['spiffe', 'spiffe_id_scheme', 'no colon'],
  ['spiffe:', 'spiffe_id_scheme', 'no slashes'],
  ['spiffe:/', 'spiffe_id_scheme', 'one slash'],
  ['spiffe:example.org/path', 'spiffe_id_scheme', 'opaque form'],
  ['Spiffe://example.org/path', 'spiffe_id_scheme', 'upper case in the scheme'],
  ['SPIFFE://example.org/path', 'spiffe_id_scheme', 'upper case in the scheme'],
  ['http://example.org/path', 'spiffe_id_scheme', 'another scheme'],
  ['spiffes://example.org/path', 'spiffe_id_scheme', 'a longer scheme'],
  [' spiffe://example.org/path', 'spiffe_id_scheme', 'space before'],
  ['\u{feff}spiffe://example.org', 'spiffe_id_scheme', 'byte order mark before'],
  ['example.org/path', 'spiffe_id_scheme', 'no scheme'],
  ['//example.org/path', 'spiffe_id_scheme', 'relative scheme'],
  ['spiffe\\://example.org', 'spiffe_id_scheme', 'escaped colon'],
  ['spiffe://', 'trust_domain_missing', 'nothing after the scheme'],
  ['spiffe:///', 'trust_domain_missing', 'a path only'],
  ['spiffe:///path', 'trust_domain_missing', 'a path only'],
  ['spiffe://Example.org', 'trust_domain_character', 'upper case in the trust domain'],
  ['spiffe://example.org:8443/path', 'trust_domain_character', 'a port'],
  ['spiffe://user@example.org/path', 'trust_domain_character', 'a user'],
  ['spiffe://user:secret@example.org', 'trust_domain_character', 'user and password'],
  ['spiffe://[2001:db8::1]/path', 'trust_domain_character', 'an IPv6 literal'],
  ['spiffe://%65xample.org', 'trust_domain_character', 'percent-encoding'],
  ['spiffe://exämple.org', 'trust_domain_character', 'an umlaut'],
  ['spiffe://example.org?query', 'trust_domain_character', 'a query without a path'],
  ['spiffe://example.org#fragment', 'trust_domain_character', 'a fragment without a path'],
  ['spiffe://example.org\\path', 'trust_domain_character', 'a backslash that browsers read as a slash'],
  ['spiffe://example.org\n', 'trust_domain_character', 'a line end after'],
  ['spiffe://example.org/', 'spiffe_path_trailing_slash', 'a root path'],
  ['spiffe://example.org/path/', 'spiffe_path_trailing_slash', 'a slash after the path'],
  ['spiffe://example.org//', 'spiffe_path_empty_segment', 'two slashes'],
  ['spiffe://example.org//path', 'spiffe_path_empty_segment', 'empty first segment'],
  ['spiffe://example.org/path//other', 'spiffe_path_empty_segment', 'empty segment inside'],
  ['spiffe://example.org/path//', 'spiffe_path_empty_segment', 'empty segment before the end'],
  ['spiffe://example.org/.', 'spiffe_path_dot_segment', 'one dot'],
  ['spiffe://example.org/./path', 'spiffe_path_dot_segment', 'one dot first'],
  ['spiffe://example.org/path/./other', 'spiffe_path_dot_segment', 'one dot inside'],
  ['spiffe://example.org/path/.', 'spiffe_path_dot_segment', 'one dot last'],
  ['spiffe://example.org/..', 'spiffe_path_dot_segment', 'two dots'],
  ['spiffe://example.org/../path', 'spiffe_path_dot_segment', 'two dots first'],
  ['spiffe://example.org/path/../other', 'spiffe_path_dot_segment', 'two dots inside'],
  ['spiffe://example.org/path/..', 'spiffe_path_dot_segment', 'two dots last'],
  ['spiffe://example.org/./', 'spiffe_path_dot_segment', 'a dot and a slash'],
  ['spiffe://example.org/path?query', 'spiffe_path_character', 'a query'],
  ['spiffe://example.org/path#fragment', 'spiffe_path_character', 'a fragment'],
  ['spiffe://example.org/%2e%2e/path', 'spiffe_path_character', 'encoded dots'],
  ['spiffe://example.org/path%2Fother', 'spiffe_path_character', 'an encoded slash'],
  ['spiffe://example.org/path;v=1', 'spiffe_path_character', 'a parameter'],
  ['spiffe://example.org/path\0', 'spiffe_path_character', 'a NUL after'],
  ['spiffe://example.org/path ', 'spiffe_path_character', 'a space after'],
  ['spiffe://example.org/päth', 'spiffe_path_character', 'an umlaut'],
]

describe('SpiffeId.parse', () => {
  it('reads what is allowed and writes the same bytes', () => {
    for (const [uri, trustDomain, path] of VALID) {
      const id = SpiffeId.parse(uri)
      assert.equal(id.trustDomain.name, trustDomain)
      assert.equal(id.path, path)
      assert.equal(id.toString(), uri)
    }
  })

  for (const [input, code, why] of HOSTILE)
    it(`refuses ${why}: ${JSON.stringify(input)}`, () => refuses(code, () => SpiffeId.parse(input)))

  it('holds the caps of 255 and 2048 bytes exactly', () => {
    const longest = 'a'.repeat(MAX_TRUST_DOMAIN_BYTES)
    assert.equal(SpiffeId.parse(`spiffe://${longest}`).trustDomain.name, longest)
    refuses('trust_domain_too_long', () => SpiffeId.parse(`spiffe://${longest}a`))
    const prefix = `spiffe://${longest}/`
    const full = prefix + 'b'.repeat(MAX_SPIFFE_ID_BYTES - prefix.length)
    assert.equal(SpiffeId.parse(full).toString(), full)
    refuses('spiffe_id_too_long', () => SpiffeId.parse(`${full}b`))
    refuses('spiffe_id_too_long', () => SpiffeId.of(TrustDomain.parse(longest), 'b'.repeat(2000)))
  })

  it('never takes anything that it would write differently', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), tail => {
        for (const uri of [tail, `spiffe://${tail}`, `spiffe://example.org/${tail}`])
          if (codeOf(() => SpiffeId.parse(uri)) === null) assert.equal(SpiffeId.parse(uri).toString(), uri)
      }),
    )
  })
})

describe('TrustDomain.parse', () => {
  it('takes a bare name only', () => {
    refuses('trust_domain_missing', () => TrustDomain.parse(''))
    refuses('trust_domain_character', () => TrustDomain.parse('spiffe://example.org'))
    refuses('trust_domain_character', () => TrustDomain.parse('example.org/path'))
    refuses('trust_domain_too_long', () => TrustDomain.parse('a'.repeat(256)))
  })

  it('refuses what is no string as misuse', () => {
    for (const value of [5, null, undefined, ['a'], { length: 1 }])
      assert.throws(() => TrustDomain.parse(value as string), TypeError)
  })
})

describe('a SPIFFE ID as a value', () => {
  const names = fc.stringMatching(/^[a-z0-9._-]{1,40}$/)
  const segments = fc.array(
    fc.stringMatching(/^[A-Za-z0-9._-]{1,20}$/).filter(segment => segment !== '.' && segment !== '..'),
    { maxLength: 6 },
  )

  it('is the same from its segments and from its URI', () => {
    fc.assert(
      fc.property(names, segments, (name, path) => {
        const made = SpiffeId.of(TrustDomain.parse(name), ...path)
        const read = SpiffeId.parse(made.toString())
        assert.ok(read.equals(made))
        assert.deepEqual(read.segments, path)
        assert.ok(read.memberOf(TrustDomain.parse(name)))
        assert.equal(JSON.stringify({ id: read }), JSON.stringify({ id: made.toString() }))
      }),
    )
  })

  it('differs by trust domain and by path, also in case', () => {
    const id = SpiffeId.parse('spiffe://example.org/a')
    for (const other of [
      'spiffe://example.com/a',
      'spiffe://example.org/A',
      'spiffe://example.org/a/b',
      'spiffe://example.org',
    ])
      assert.equal(id.equals(SpiffeId.parse(other)), false)
  })

  it('refuses a slash or a dot segment inside of a segment', () => {
    refuses('spiffe_path_character', () => SpiffeId.of(td, 'a/b'))
    refuses('spiffe_path_character', () => SpiffeId.of(td, 'a', '../b'))
    refuses('spiffe_path_dot_segment', () => SpiffeId.of(td, 'a', '..', 'b'))
    refuses('spiffe_path_empty_segment', () => SpiffeId.of(td, ''))
  })

  it('cannot be changed or made without its checks', () => {
    const id = SpiffeId.parse('spiffe://example.org/a')
    assert.throws(() => Object.assign(id, { path: '/b' }), TypeError)
    assert.throws(() => Object.assign(id.trustDomain, { name: 'evil.example' }), TypeError)
    const Unchecked = TrustDomain as unknown as new (name: string) => TrustDomain
    refuses('trust_domain_character', () => new Unchecked('Evil.example'))
    assert.throws(() => Object.create(SpiffeId.prototype).path, TypeError)
    assert.equal(id.toString(), 'spiffe://example.org/a')
  })
})
