import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatIpAddress } from '@lanyard/protocol'
import { dnsSuffixes, serverNames } from './server-names.ts'

const named = (listen: string, hosts: readonly string[] = []) => {
  const { dns, ips } = serverNames(listen, hosts)
  return [...dns, ...ips.map(formatIpAddress)]
}
const LOCAL = ['localhost', '127.0.0.1', '0000:0000:0000:0000:0000:0000:0000:0001']

test('a server has the names of its machine, of where it listens, and those configured, each once', () => {
  assert.deepEqual(named('127.0.0.1'), LOCAL)
  assert.deepEqual(named('localhost', ['LOCALHOST', '::1', '0:0:0:0:0:0:0:1']), LOCAL)
  assert.deepEqual(named('10.1.2.3'), [...LOCAL, '10.1.2.3'])
  assert.deepEqual(named('ca.example.org', ['Id.Example.org', '10.1.2.3']), [
    ...['localhost', 'ca.example.org', 'id.example.org', '127.0.0.1', LOCAL[2], '10.1.2.3'],
  ])
})

test('every address is no address that a client could call', () => {
  for (const any of ['0.0.0.0', '::', '0:0::0']) assert.deepEqual(named(any), LOCAL)
  assert.deepEqual(named('a_name_of_the_system'), LOCAL)
})

test('what is neither a DNS name nor an address is refused', () => {
  for (const host of [
    '',
    '*.example.org',
    'a b',
    'example.org.',
    'https://a',
    'a:8443',
    '1.2.3',
    '256.1.1.1',
    '[::1]',
    'a_b',
  ])
    assert.throws(() => serverNames('127.0.0.1', [host]), { code: 'config_invalid' }, host)
  for (const suffix of ['.example.org', '*.example.org', '10.0.0.1'])
    assert.throws(() => dnsSuffixes([suffix]), { code: 'config_invalid' }, suffix)
})
