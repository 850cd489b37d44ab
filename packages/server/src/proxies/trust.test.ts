import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { LanyardError } from '@lanyard/api'
import { serverConfig } from '../config.ts'
import { readProxyTrust } from './trust.ts'

type Settings = Parameters<typeof serverConfig>[0] & object
type Proxy = NonNullable<Settings['proxy']>

const read = (proxy: Proxy) => readProxyTrust(serverConfig({ proxy }).proxy)
const ids = ['spiffe://example.test/tenant/ops/agent/proxy']

const REFUSED: readonly (readonly [proxy: Proxy, setting: string, why: string])[] = [
  [{ format: 'nginx' }, 'proxy.format', 'a format of nobody'],
  [{ spiffe_ids: ids }, 'proxy.format', 'a proxy in no format'],
  [{ socket: '/run/x/s' }, 'proxy.format', 'a socket in no format'],
  [{ dangerously_trust_addresses: ['10.0.0.0/8'] }, 'proxy.format', 'addresses in no format'],
  [{ header: 'X-Cert' }, 'proxy.format', 'a header in no format'],
  [{ format: 'envoy', header: 'X-Cert', spiffe_ids: ids }, 'proxy.header', 'a header where the format has its own'],
  [{ format: 'nginx', header: 'Client-Cert', spiffe_ids: ids }, 'proxy.header', 'the header of another format'],
  [{ format: 'nginx', header: 'Authorization', spiffe_ids: ids }, 'proxy.header', 'a header with a meaning of its own'],
  [{ format: 'haproxy', header: 'Host', spiffe_ids: ids }, 'proxy.header', 'a header of HTTP'],
  [{ format: 'nginx', spiffe_ids: ['proxy'] }, 'proxy.spiffe_ids', 'no SPIFFE ID'],
]

describe('settings of proxies', () => {
  for (const [proxy, setting, why] of REFUSED)
    test(`are refused: ${why}`, () =>
      assert.throws(
        () => read(proxy),
        (error: LanyardError) => {
          assert.equal(error.code, 'config_invalid')
          assert.ok(error.message.startsWith(`${setting}: `), error.message)
          return error instanceof LanyardError
        },
      ))

  test('trust nobody where nothing is set', () => {
    const { format, socket, spiffeIds, trustsAddress } = read({})
    assert.deepEqual([format, socket, spiffeIds.size], [null, null, 0])
    assert.equal(trustsAddress('127.0.0.1'), false)
  })

  test('trust the addresses of their networks, and no text that is none', () => {
    const { trustsAddress } = read({
      format: 'alb',
      dangerously_trust_addresses: ['10.0.0.0/24', '192.0.2.7', 'fd00:1::/64'],
    })
    const trusted = ['10.0.0.0', '10.0.0.255', '192.0.2.7', 'fd00:1::', 'fd00:1::ffff:1']
    const others = ['10.0.1.0', '9.255.255.255', '192.0.2.8', 'fd00:1:0:1::', '::ffff:10.0.0.1', '::1']
    const none = ['unknown', 'proxy-socket', '', '10.0.0.01', 'fd00:1::1%eth0', '10.0.0.1:443']
    for (const address of trusted) assert.equal(trustsAddress(address), true, address)
    for (const address of [...others, ...none]) assert.equal(trustsAddress(address), false, address)
  })
})
