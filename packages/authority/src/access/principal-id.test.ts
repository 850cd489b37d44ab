import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nodeCrypto } from '@lanyard/protocol/node'
import fc from 'fast-check'
import { type PrincipalParts, principalIdOf, usersOf } from './principal-id.ts'

const idOf = (parts: PrincipalParts) => principalIdOf(parts, nodeCrypto)

describe('the id of a principal', () => {
  it('is the same each time, and 32 hex digits', () => {
    assert.equal(idOf(['user', 'a', 'b']), idOf(['user', 'a', 'b']))
    assert.match(idOf(['certificate', 'dn:CN=ann']), /^[0-9a-f]{32}$/)
  })

  it('begins as those of all users of its issuer, and of nobody else', () => {
    const [one, other] = ['1'.repeat(32), `${'1'.repeat(20)}${'2'.repeat(12)}`]
    for (const subject of ['a', 'b']) {
      const id = idOf(['user', one, subject])
      assert.match(id, /^[0-9a-f]{32}$/)
      assert.ok(id.startsWith(usersOf(one)) && !id.startsWith(usersOf(other)))
    }
  })

  it('is that of no other, wherever one part ends and the next begins', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '\0', ' '), maxLength: 4 })
    fc.assert(
      fc.property(text, text, text, text, (a, b, c, d) => {
        assert.equal(idOf(['user', a, b]) === idOf(['user', c, d]), a === c && b === d)
        assert.notEqual(idOf(['certificate', a]), idOf(['spiffe-id', a]))
        assert.notEqual(idOf(['user', a, b]), idOf(['certificate', `${a}${b}`]))
      }),
    )
  })
})
