import assert from 'node:assert/strict'
import { test } from 'node:test'
import { daemonConfig } from './config.ts'

const LEAST = { authority: 'https://id.example.org:8443', root_sha256: 'ab'.repeat(32) }

test('everything but the authority and its root has a usable absence', () => {
  const config = daemonConfig(LEAST, '/srv')
  assert.equal(config.socket, 'unix:///run/lanyard/workload-api.sock')
  assert.deepEqual(config.attestors, ['unix', 'systemd', 'docker'])
  assert.deepEqual([config.launchers, config.delivery, config.metrics], [[], [], null])
})

test('reads what people write, from the file or from the command line', () => {
  const config = daemonConfig(
    {
      ...LEAST,
      data: 'state',
      launchers: '0,1001',
      attestors: ['unix'],
      metrics: '127.0.0.1:9464',
      delivery: [{ entry: 'abc', folder: 'out', uid: 33, reload: ['/bin/systemctl', 'reload', 'nginx'] }],
    },
    '/srv',
  )
  assert.equal(config.data, '/srv/state')
  assert.deepEqual(config.launchers, [0, 1001])
  assert.deepEqual(config.metrics, { host: '127.0.0.1', port: 9464 })
  assert.deepEqual(config.delivery, [
    { entry: 'abc', folder: '/srv/out', uid: 33, gid: null, reload: ['/bin/systemctl', 'reload', 'nginx'] },
  ])
})

test('refuses what it does not know or cannot mean, and names it', () => {
  const wrong: [Record<string, unknown>, RegExp][] = [
    [{ ...LEAST, sockets: 'x' }, /sockets is not a setting; did you mean socket\?/],
    [{ ...LEAST, frobnicate: 'x' }, /frobnicate is not a setting$/],
    [{ root_sha256: 'ab' }, /authority/],
    [{ authority: 'http://x', root_sha256: 'ab' }, /authority/],
    [{ authority: 'https://x' }, /root_sha256 or root_file/],
    [{ ...LEAST, x509pop_cert: 'a' }, /x509pop_cert and x509pop_key/],
    [{ ...LEAST, launchers: ['root'] }, /launchers/],
    [{ ...LEAST, attestors: 'unix,windows' }, /attestors/],
    [{ ...LEAST, log_level: 'loud' }, /log_level/],
    [{ ...LEAST, metrics: '0.0.0.0:9464' }, /metrics/],
    [{ ...LEAST, metrics: 'id.example.org:9464' }, /metrics/],
    [{ ...LEAST, max_hash_bytes: -1 }, /max_hash_bytes/],
    [{ ...LEAST, delivery: {} }, /delivery/],
    [{ ...LEAST, delivery: [{ entry: 'a' }] }, /delivery\[0\]/],
    [{ ...LEAST, delivery: [{ entry: 'a', folder: 'b', mode: 1 }] }, /delivery\[0\]\.mode/],
    [{ ...LEAST, delivery: [{ entry: 'a', folder: 'b', reload: 'systemctl reload x' }] }, /delivery\[0\]\.reload/],
    [{ ...LEAST, delivery: [{ entry: 'a', folder: 'b', reload: ['systemctl'] }] }, /delivery\[0\]\.reload/],
  ]
  for (const [written, named] of wrong)
    assert.throws(() => daemonConfig(written, '/srv'), { code: 'config_invalid', message: named })
})
