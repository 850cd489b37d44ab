import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { NAME_PATTERN } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import fc from 'fast-check'
import { agentNameOf } from './name.ts'

const ISSUER = 'https://idp.test'
const MADE = /^f-[a-z2-7]{52}$/
const nameOf = (claim: string, issuer = ISSUER) => agentNameOf(issuer, claim, nodeCrypto)

/** Written by other means than the code under test: bits as text. */
function expected(issuer: string, claim: string): string {
  const parts = [issuer, claim].flatMap(text => {
    const bytes = Buffer.from(text, 'utf8')
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    return [length, bytes]
  })
  const digest = createHash('sha256').update(Buffer.concat(parts)).digest()
  const bits = [...digest]
    .map(byte => byte.toString(2).padStart(8, '0'))
    .join('')
    .padEnd(260, '0')
  const letters = bits.match(/.{5}/g)!.map(five => 'abcdefghijklmnopqrstuvwxyz234567'[Number.parseInt(five, 2)])
  return `f-${letters.join('')}`
}

test('a claim that is a name is the name', () => {
  for (const claim of ['worker', 'a', '0', 'a.b_c-d', 'x'.repeat(63), 'f-', 'f-worker', `f-${'a'.repeat(51)}`])
    assert.equal(nameOf(claim), claim)
})

test('of what is no name, or looks like a made one, a name is made', () => {
  const claims = ['', 'Worker', '-a', '.a', 'a b', 'a/b', 'a:b', 'ä', 'x'.repeat(64), '../..', 'a\n', 'a%2fb', '\u0000']
  const looking = [`f-${'a'.repeat(52)}`, nameOf('Worker')]
  for (const claim of [...claims, ...looking]) {
    const name = nameOf(claim)
    assert.equal(name, expected(ISSUER, claim))
    assert.match(name, MADE)
    assert.match(name, NAME_PATTERN)
    assert.notEqual(name, claim)
  }
})

test('every pair of issuer and claim has a name of its own', () => {
  const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 80 }), fc.constantFrom('a', 'ab', 'b', '', 'A'))
  fc.assert(
    fc.property(text, text, text, text, (issuer, claim, otherIssuer, otherClaim) => {
      const name = nameOf(claim, issuer)
      assert.ok(name === claim || name === expected(issuer, claim))
      assert.match(name, NAME_PATTERN)
      if (issuer === otherIssuer && claim === otherClaim) return
      if (MADE.test(name)) assert.notEqual(name, nameOf(otherClaim, otherIssuer))
    }),
  )
  // The same bytes, cut in another place.
  assert.notEqual(nameOf('B C', 'https://a'), nameOf(' C', 'https://aB'))
})
