import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nodeCrypto } from '@lanyard/protocol/node'
import fc from 'fast-check'
import { type PrincipalParts, principalIdOf } from './principal-id.ts'

const idOf = (parts: PrincipalParts) => principalIdOf(parts, nodeCrypto)

describe('the id of a principal', () => {
  it('is the same each time, and 32 hex digits', () => {
    assert.equal(idOf(['user', 'a', 'b']), idOf(['user', 'a', 'b']))
    assert.match(idOf(['certificate', 'dn:CN=ann']), /^[0-9a-f]{32}$/)
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
