import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { refuses } from '../refusals.suite.ts'
import { TrustDomain } from './id.ts'
import { DEFAULT_ID_TEMPLATE, IdTemplate, parseName } from './id-template.ts'

const td = TrustDomain.parse('example.org')

describe('parseName', () => {
  it('walks the alphabet', () => {
    for (let point = 0; point < 256; point++) {
      const character = String.fromCharCode(point)
      const anywhere = /[a-z0-9]/.test(character)
      if (anywhere) assert.equal(parseName(character), character)
      else refuses('name_invalid', () => parseName(character))
      if (anywhere || '._-'.includes(character)) assert.equal(parseName(`x${character}`), `x${character}`)
      else refuses('name_invalid', () => parseName(`x${character}`))
    }
  })

  const hostile: readonly [name: unknown, why: string][] = [
    ['', 'empty'],
    ['.', 'a dot segment'],
    ['..', 'a dot segment'],
    ['a'.repeat(64), 'too long'],
    ['a\n', 'a line end after, which some engines let $ pass over'],
    ['a/../b', 'a path'],
    ['a*', 'a wildcard'],
    ['{agent}', 'a placeholder'],
    ['Acme', 'upper case'],
    ['аcme', 'a Cyrillic letter'],
    ['ſ', 'a letter that folds to s'],
    [undefined, 'nothing at all, which would print as a name'],
    [7, 'a number, which would print as a name'],
  ]
  for (const [name, why] of hostile)
    it(`refuses ${why}`, () => refuses('name_invalid', () => parseName(name as string)))

  it('takes 63 bytes', () => assert.equal(parseName('a'.repeat(63)).length, 63))
})

describe('IdTemplate.parse', () => {
  const valid = [
    DEFAULT_ID_TEMPLATE,
    '/agent/{tenant}/{agent}',
    '/{agent}/of/{tenant}',
    '/{tenant}/{agent}',
    '/x/lanyard/{tenant}/{agent}',
  ]
  for (const text of valid) it(`takes ${text}`, () => assert.equal(IdTemplate.parse(text).toString(), text))

  const hostile: readonly [text: string, why: string][] = [
    ['', 'empty'],
    ['tenant/{tenant}/agent/{agent}', 'no slash first'],
    ['/tenant/{tenant}', 'no agent'],
    ['/agent/{agent}', 'no tenant'],
    ['/{tenant}/{agent}/{agent}', 'agent twice'],
    ['/{tenant}/{tenant}/{agent}', 'tenant twice'],
    ['/{tenant}-{agent}', 'two names in one segment: a-b and c would meet a and b-c'],
    ['/t-{tenant}/{agent}', 'part of a segment'],
    ['/{tenant}/{agent}/{other}', 'an unknown placeholder'],
    ['/{Tenant}/{agent}', 'another spelling'],
    ['/lanyard/{tenant}/{agent}', 'a reserved first segment'],
    ['/spire/{tenant}/{agent}', 'a reserved first segment'],
    ['//{tenant}/{agent}', 'an empty segment'],
    ['/{tenant}/{agent}/', 'a slash after'],
    ['/a/../{tenant}/{agent}', 'a dot segment'],
    ['/a b/{tenant}/{agent}', 'a space'],
    ['/%41/{tenant}/{agent}', 'percent-encoding'],
    ['spiffe://example.org/{tenant}/{agent}', 'a whole URI'],
    [`/${'x'.repeat(1700)}/{tenant}/{agent}`, 'IDs that could pass 2048 bytes'],
  ]
  for (const [text, why] of hostile)
    it(`refuses ${why}`, () => refuses('id_template_invalid', () => IdTemplate.parse(text)))
})

describe('IdTemplate.render', () => {
  it('writes the names into the path', () => {
    const id = IdTemplate.parse(DEFAULT_ID_TEMPLATE).render(td, 'acme', 'billing-7')
    assert.equal(id.toString(), 'spiffe://example.org/tenant/acme/agent/billing-7')
    assert.equal(`${IdTemplate.parse('/x/{agent}/{tenant}').render(td, 'acme', 'a')}`, 'spiffe://example.org/x/a/acme')
  })

  it('refuses names that are none', () => {
    const template = IdTemplate.parse(DEFAULT_ID_TEMPLATE)
    refuses('name_invalid', () => template.render(td, 'acme/../globex', 'a'))
    refuses('name_invalid', () => template.render(td, 'acme', '{tenant}'))
  })

  it('refuses a name that would make the first segment a reserved one', () => {
    const template = IdTemplate.parse('/{tenant}/{agent}')
    for (const name of ['lanyard', 'spire']) {
      refuses('name_invalid', () => template.render(td, name, 'feed'))
      assert.ok(template.render(td, 'acme', name))
    }
  })

  it('fits the longest names into the longest trust domain', () => {
    const text = `/${'x'.repeat(2048 - 9 - 255 - 1 - 2 * 64)}/{tenant}/{agent}`
    const id = IdTemplate.parse(text).render(TrustDomain.parse('t'.repeat(255)), 'a'.repeat(63), 'b'.repeat(63))
    assert.equal(id.toString().length, 2048)
    refuses('id_template_invalid', () => IdTemplate.parse(`/x${text.slice(1)}`))
  })

  it('never makes one ID of two agents', () => {
    const name = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,3}$/)
    fc.assert(
      fc.property(name, name, name, name, (tenant, agent, otherTenant, otherAgent) => {
        const template = IdTemplate.parse('/{tenant}/{agent}/x')
        const same = tenant === otherTenant && agent === otherAgent
        assert.equal(template.render(td, tenant, agent).equals(template.render(td, otherTenant, otherAgent)), same)
      }),
    )
  })
})
