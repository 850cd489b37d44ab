import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SpiffeId } from '@lanyard/protocol'
import {
  type Authorizer,
  agentId,
  authorize,
  dangerouslyAny,
  memberOf,
  oneOf,
  requireAuthorizer,
  tenant,
} from './authorizer.ts'

const OWN = SpiffeId.parse('spiffe://example.org/tenant/acme/agent/me')
const id = (uri: string) => SpiffeId.parse(uri)

const ACME = 'spiffe://example.org/tenant/acme/agent/a'
const CASES: readonly (readonly [name: string, Authorizer, accepted: readonly string[], refused: readonly string[]])[] =
  [
    [
      'one agent',
      agentId(ACME),
      [ACME],
      [`${ACME}b`, 'spiffe://example.org/tenant/acme/agent/A', 'spiffe://other.org/tenant/acme/agent/a'],
    ],
    ['some agents', agentId(ACME, id(`${ACME}b`)), [ACME, `${ACME}b`], [`${ACME}c`]],
    [
      'a tenant',
      tenant('acme'),
      [ACME, 'spiffe://example.org/tenant/acme/agent/acme'],
      [
        'spiffe://example.org/tenant/acme-evil/agent/a',
        'spiffe://example.org/tenant/acme/agent/a/sub',
        'spiffe://example.org/tenant/acme/agent',
        'spiffe://example.org/tenant/acme',
        'spiffe://example.org/x/acme/agent/a',
        'spiffe://example.org/tenant/acme/agent/A',
        'spiffe://example.org/lanyard/server/acme',
        'spiffe://other.org/tenant/acme/agent/a',
        'spiffe://example.org',
      ],
    ],
    [
      'a tenant elsewhere',
      tenant('acme', { trustDomain: 'other.org' }),
      ['spiffe://other.org/tenant/acme/agent/a'],
      [ACME],
    ],
    [
      'a tenant by another template',
      tenant('acme', { template: '/{agent}/of/{tenant}' }),
      ['spiffe://example.org/a/of/acme'],
      [ACME, 'spiffe://example.org/lanyard/of/acme', 'spiffe://example.org/acme/of/a'],
    ],
    [
      'a trust domain',
      memberOf('example.org'),
      [ACME, 'spiffe://example.org/lanyard/server/1'],
      ['spiffe://example.org.evil/a', 'spiffe://xample.org/a'],
    ],
    ['either', oneOf(agentId(ACME), memberOf('other.org')), [ACME, 'spiffe://other.org/x'], [`${ACME}b`]],
    ['anyone, said aloud', dangerouslyAny(), [ACME, 'spiffe://evil.example/x'], []],
  ]

for (const [name, authorizer, accepted, refused] of CASES)
  test(`accepts ${name}`, () => {
    for (const each of accepted.map(id)) assert.equal(authorize(authorizer, each, OWN), each)
    for (const each of refused.map(id))
      assert.throws(() => authorize(authorizer, each, OWN), { code: 'peer_not_allowed' }, `${each}`)
  })

test('only an authorizer that gives the ID back lets it in', () => {
  const answers: unknown[] = [true, undefined, 1, ACME, OWN, Promise.resolve(id(ACME)), id(ACME)]
  for (const answer of answers)
    assert.throws(() => authorize((() => answer) as unknown as Authorizer, id(ACME), OWN), { code: 'peer_not_allowed' })
  const broken = () => {
    throw new Error('secret')
  }
  assert.throws(
    () => authorize(broken, id(ACME), OWN),
    (error: Error) => 'code' in error && error.code === 'peer_not_allowed' && !error.message.includes('secret'),
  )
  // The function that makes an authorizer is not one.
  assert.throws(() => authorize(agentId as unknown as Authorizer, id(ACME), OWN), { code: 'peer_not_allowed' })
})

test('without an authorizer nothing begins', () => {
  for (const value of [undefined, null, true, ACME, {}, []])
    assert.throws(() => requireAuthorizer(value, 'peer'), { name: 'TypeError', message: /agentId/ })
})

test('an authorizer that could never accept is refused when it is made', () => {
  assert.throws(() => agentId('https://example.org/x'), { code: 'spiffe_id_scheme' })
  assert.throws(() => agentId(''), { name: 'ProtocolError' })
  assert.throws(() => tenant('Acme'), { code: 'name_invalid' })
  assert.throws(() => tenant('a/../b'), { code: 'name_invalid' })
  assert.throws(() => tenant('acme', { template: '/x' }), { code: 'id_template_invalid' })
  assert.throws(() => memberOf('spiffe://example.org'), { name: 'ProtocolError' })
})
