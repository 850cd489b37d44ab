import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { encodeUtf8 } from '../bytes.ts'
import { nodeCrypto } from '../node/crypto.ts'
import { refuses } from '../refusals.suite.ts'
import { ALICE, dead, delta, snapshot, subject } from './feed.suite.ts'
import { encodeFeedLine, parseFeedLine } from './line.ts'
import { subjectOf } from './subject.ts'
import type { FeedLine } from './types.ts'

const written = (line: FeedLine) => JSON.parse(Buffer.from(encodeFeedLine(line)).toString()) as Record<string, unknown>
const parse = (value: unknown) => parseFeedLine(encodeUtf8(JSON.stringify(value)))

describe('subjectOf', () => {
  it('is 16 bytes of SHA-256 over kind, zero and value', () => {
    const hash = nodeCrypto.sha256(Buffer.from(`agent\0${ALICE}`))
    assert.equal(subjectOf('agent', ALICE, nodeCrypto), Buffer.from(hash.subarray(0, 16)).toString('base64url'))
  })

  it('keeps kinds apart', () => {
    const kinds = ['agent', 'tenant', 'lineage', 'key', 'issuer'] as const
    assert.equal(new Set(kinds.map(kind => subject(kind, 'acme'))).size, kinds.length)
  })
})

const subjects = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(bytes => Buffer.from(bytes).toString('base64url'))
const whole = fc.maxSafeNat()
const table = <T extends { subject: string }>(row: fc.Arbitrary<T>) =>
  fc.uniqueArray(row, { selector: item => item.subject, maxLength: 8 })
const deaths = table(
  fc.record({ subject: subjects, through: whole.map(n => n || 1), until: fc.option(whole) }, { noNullPrototype: true }),
)
const rebirths = table(fc.record({ subject: subjects, incarnation: whole.map(n => n || 1) }, { noNullPrototype: true }))

describe('a line', () => {
  it('is read as it was written', () => {
    const lines = fc.record({ epoch: whole, asOf: whole, deaths, rebirths, prev: whole }).map(parts => {
      const { prev, ...rest } = parts
      const quiet = rest.deaths.length + rest.rebirths.length === 0
      return prev < rest.epoch || (prev === rest.epoch && quiet)
        ? delta(prev, rest.epoch, rest)
        : snapshot(rest.epoch, rest)
    })
    fc.assert(fc.property(lines, line => assert.deepEqual(parseFeedLine(encodeFeedLine(line)), line)))
  })

  const sound = written(snapshot(7, { deaths: [dead('agent', ALICE)] }))
  const step = written(delta(6, 7, { deaths: [dead('agent', ALICE)] }))
  const name = subject('agent', ALICE)
  const HOSTILE: readonly [string, unknown][] = [
    ['no object', [sound]],
    ['nothing', {}],
    ['an unknown member', { ...sound, revived: [] }],
    ['an unknown kind', { ...sound, kind: 'retraction' }],
    ['an epoch as text', { ...sound, epoch: '7' }],
    ['a negative epoch', { ...sound, epoch: -1 }],
    ['half an epoch', { ...sound, epoch: 6.5 }],
    ['an epoch beyond what numbers hold', { ...sound, epoch: 2 ** 53 }],
    ['no time', { ...sound, as_of: null }],
    ['a feed without a name', { ...sound, feed_id: '' }],
    ['an instance with a slash', { ...sound, instance: 'a/b' }],
    ['an instance of great length', { ...sound, instance: 'a'.repeat(65) }],
    ['a snapshot that follows something', { ...sound, prev: 6 }],
    ['a snapshot without a template', { ...sound, template: undefined }],
    ['a template that is none', { ...sound, template: '/{tenant}' }],
    ['a template in a delta', { ...step, template: '/{tenant}/{agent}' }],
    ['a delta that goes back', { ...step, prev: 8 }],
    ['a heartbeat that kills', { ...step, prev: 7 }],
    ['deaths as an object', { ...sound, deaths: {} }],
    ['a death as an object', { ...sound, deaths: [{ 0: name, 1: 1, 2: null }] }],
    ['a death without an end', { ...sound, deaths: [[name, 1]] }],
    ['a death with more', { ...sound, deaths: [[name, 1, null, 0]] }],
    ['a death through nothing', { ...sound, deaths: [[name, 0, null]] }],
    ['a death that ends as text', { ...sound, deaths: [[name, 1, '9']] }],
    ['a subject twice', { ...sound, deaths: [[name, 1, null], [name, 2, null]] }], // biome-ignore format: a row
    ['a subject that is too short', { ...sound, deaths: [[name.slice(1), 1, null]] }],
    ['a subject with spare bits', { ...sound, deaths: [[`${'A'.repeat(21)}B`, 1, null]] }],
    ['a subject in the other base64', { ...sound, deaths: [[`+${'A'.repeat(21)}`, 1, null]] }],
    ['a rebirth in no incarnation', { ...sound, rebirths: [[name, 0]] }],
    ['a rebirth with more', { ...sound, rebirths: [[name, 2, 3]] }],
    ['prototypes', JSON.parse('{"__proto__": {"epoch": 7}}')],
  ]
  for (const [why, value] of HOSTILE) it(`refuses ${why}`, () => refuses('feed_line_invalid', () => parse(value)))

  it('refuses what is no JSON in UTF-8', () => {
    for (const bytes of [Uint8Array.of(0x7b, 0xff), encodeUtf8('{"kind":'), encodeUtf8('{"a":1,"a":2}')])
      refuses('feed_line_invalid', () => parseFeedLine(bytes))
  })

  it('ends in a refusal by its one code for any other JSON', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(sound)), fc.jsonValue(), (member, value) => {
        try {
          parse({ ...sound, [member]: value })
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'feed_line_invalid')
        }
      }),
    )
  })
})
