import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ProtocolError } from '../errors.ts'
import { SpiffeId, TrustDomain } from './id.ts'
import { anyId, exactId, memberOf, oneOfIds, pathPrefix, type SpiffeIdMatcher } from './matcher.ts'

const td = TrustDomain.parse('example.org')
const at = (path: string) => SpiffeId.parse(`spiffe://example.org${path}`)
const abroad = SpiffeId.parse('spiffe://example.com/tenant/acme')

function accepts(matcher: SpiffeIdMatcher, ...ids: SpiffeId[]): void {
  for (const id of ids) assert.equal(matcher(id), id)
}

function refuses(matcher: SpiffeIdMatcher, ...ids: SpiffeId[]): void {
  for (const id of ids)
    assert.throws(
      () => matcher(id),
      error => error instanceof ProtocolError && error.code === 'spiffe_id_mismatch',
      `${id}`,
    )
}

describe('matchers', () => {
  it('exactId takes one ID', () => {
    accepts(exactId(at('/a')), at('/a'))
    refuses(exactId(at('/a')), at('/A'), at('/a/b'), at(''), SpiffeId.parse('spiffe://example.com/a'))
  })

  it('oneOfIds takes the listed ones, and nobody when nobody is listed', () => {
    accepts(oneOfIds([at('/a'), at('/b')]), at('/a'), at('/b'))
    refuses(oneOfIds([at('/a'), at('/b')]), at('/c'), at(''))
    refuses(oneOfIds([]), at('/a'))
  })

  it('memberOf takes one trust domain', () => {
    accepts(memberOf(td), at(''), at('/a'))
    refuses(memberOf(td), abroad, SpiffeId.parse('spiffe://sub.example.org/a'), SpiffeId.parse('spiffe://example.orgs'))
  })

  it('pathPrefix compares whole segments', () => {
    const acme = pathPrefix(td, 'tenant', 'acme')
    accepts(acme, at('/tenant/acme'), at('/tenant/acme/agent/a'))
    refuses(acme, at('/tenant/acme-evil'), at('/tenant/acmeevil/agent/a'), at('/tenant'), at(''), abroad)
    refuses(acme, at('/x/tenant/acme'))
  })

  it('pathPrefix refuses a prefix that could not occur, and an empty one', () => {
    assert.throws(
      () => pathPrefix(td, 'tenant/acme'),
      error => error instanceof ProtocolError && error.code === 'spiffe_path_character',
    )
    assert.throws(() => pathPrefix(td), TypeError)
  })

  it('anyId takes all', () => accepts(anyId(), at(''), at('/a'), abroad))
})
