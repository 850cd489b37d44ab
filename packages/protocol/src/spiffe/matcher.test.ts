import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { refuses } from '../refusals.suite.ts'
import { SpiffeId, TrustDomain } from './id.ts'
import { anyId, exactId, memberOf, oneOfIds, pathPrefix, type SpiffeIdMatcher } from './matcher.ts'

const td = TrustDomain.parse('example.org')
const at = (path: string) => SpiffeId.parse(`spiffe://example.org${path}`)
const abroad = SpiffeId.parse('spiffe://example.com/tenant/acme')

function accepts(matcher: SpiffeIdMatcher, ...ids: SpiffeId[]): void {
  for (const id of ids) assert.equal(matcher(id), id)
}

function rejects(matcher: SpiffeIdMatcher, ...ids: SpiffeId[]): void {
  for (const id of ids) refuses('spiffe_id_mismatch', () => matcher(id), `${id}`)
}

describe('matchers', () => {
  it('exactId takes one ID', () => {
    accepts(exactId(at('/a')), at('/a'))
    rejects(exactId(at('/a')), at('/A'), at('/a/b'), at(''), SpiffeId.parse('spiffe://example.com/a'))
  })

  it('oneOfIds takes the listed ones, and nobody when nobody is listed', () => {
    accepts(oneOfIds([at('/a'), at('/b')]), at('/a'), at('/b'))
    rejects(oneOfIds([at('/a'), at('/b')]), at('/c'), at(''))
    rejects(oneOfIds([]), at('/a'))
  })

  it('memberOf takes one trust domain', () => {
    accepts(memberOf(td), at(''), at('/a'))
    rejects(memberOf(td), abroad, SpiffeId.parse('spiffe://sub.example.org/a'), SpiffeId.parse('spiffe://example.orgs'))
  })

  it('pathPrefix compares whole segments', () => {
    const acme = pathPrefix(td, 'tenant', 'acme')
    accepts(acme, at('/tenant/acme'), at('/tenant/acme/agent/a'))
    rejects(acme, at('/tenant/acme-evil'), at('/tenant/acmeevil/agent/a'), at('/tenant'), at(''), abroad)
    rejects(acme, at('/x/tenant/acme'))
  })

  it('pathPrefix refuses a prefix that could not occur, and an empty one', () => {
    refuses('spiffe_path_character', () => pathPrefix(td, 'tenant/acme'))
    assert.throws(() => pathPrefix(td), TypeError)
  })

  it('anyId takes all', () => accepts(anyId(), at(''), at('/a'), abroad))
})
