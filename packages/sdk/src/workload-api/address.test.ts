import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { endpointOf, parseEndpoint } from './address.ts'

describe('parseEndpoint', () => {
  const refused = [
    '\t',
    'blah',
    'relative/path',
    '/',
    '/nul\0byte',
    'unix:opaque',
    'unix:',
    'unix://',
    'unix://relative/path',
    'unix:///a?b',
    'unix:///a#b',
    'unix://user@host/path',
    'unix:///nul\0byte',
    'tcp:opaque',
    'tcp://',
    'tcp://1.2.3.4',
    'tcp://1.2.3.4:',
    'tcp://1.2.3.4:0',
    'tcp://1.2.3.4:65536',
    'tcp://1.2.3.256:80',
    'tcp://foo:80',
    'tcp://localhost:80',
    'tcp://1.2.3.4:80/',
    'tcp://1.2.3.4:80/path',
    'tcp://1.2.3.4:80?query',
    'tcp://1.2.3.4:80#fragment',
    'tcp://user@1.2.3.4:80',
    'tcp://::1:80',
    'http://1.2.3.4:80',
    ' unix:///a',
  ]
  for (const address of refused)
    it(`refuses ${JSON.stringify(address)}`, () =>
      assert.throws(() => parseEndpoint(address), { code: 'workload_api_address_invalid' }))

  const accepted: readonly [string, object][] = [
    ['unix:///run/w.sock', { kind: 'unix', path: '/run/w.sock' }],
    ['unix:/run/w.sock', { kind: 'unix', path: '/run/w.sock' }],
    ['/run/w.sock', { kind: 'unix', path: '/run/w.sock' }],
    ['tcp://1.2.3.4:5', { kind: 'tcp', host: '1.2.3.4', port: 5 }],
    ['tcp://[::1]:65535', { kind: 'tcp', host: '::1', port: 65_535 }],
  ]
  for (const [address, endpoint] of accepted)
    it(`accepts ${address}`, () => assert.deepEqual(parseEndpoint(address), endpoint))
})

describe('endpointOf', () => {
  const environment = { SPIFFE_ENDPOINT_SOCKET: 'unix:///from/environment' }

  it('takes the option before the environment', () => {
    assert.deepEqual(endpointOf('unix:///given', environment), { kind: 'unix', path: '/given' })
    assert.deepEqual(endpointOf(undefined, environment), { kind: 'unix', path: '/from/environment' })
  })

  it('refuses when neither says anything', () => {
    for (const none of [{}, { SPIFFE_ENDPOINT_SOCKET: '' }])
      assert.throws(() => endpointOf(undefined, none), { code: 'workload_api_address_invalid' })
  })
})
