import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { LanyardError } from '@lanyard/api'
import { DAEMON_EXAMPLE } from '../../../../../tools/reference/daemon-configuration.ts'
import { configIn, joinTokenIn } from './options.ts'

const folder = mkdtempSync(join(tmpdir(), 'daemon-'))
const file = (name: string, ...lines: string[]) => {
  writeFileSync(join(folder, name), lines.join('\n'))
  return join(folder, name)
}

test('the example of the docs can be used', () => {
  const config = configIn({ config: file('example.yaml', ...DAEMON_EXAMPLE) }, { cwd: '/' })
  assert.equal(config.delivery[0]!.uid, 998)
  assert.equal(config.rootFile, '/etc/lanyard/root.pem')
})

test('options win over the file, whose paths count from its own folder', () => {
  const config = file(
    'daemon.yaml',
    'authority: https://a.example',
    'root_file: root.pem',
    'data: state',
    'log_level: debug',
    'delivery: [{entry: a, folder: out}]',
  )
  const read = configIn({ config, 'log-level': 'error', 'admin-socket': 's/admin.sock' }, { cwd: '/srv' })
  assert.equal(read.data, join(folder, 'state'))
  assert.equal(read.rootFile, join(folder, 'root.pem'))
  assert.equal(read.delivery[0]!.folder, join(folder, 'out'))
  assert.deepEqual([read.logLevel, read.adminSocket], ['error', '/srv/s/admin.sock'])
})

test('a file that is none, or says what nobody knows, is refused', () => {
  for (const path of [join(folder, 'missing.yaml'), file('list.yaml', '- a'), file('typo.yaml', 'sockets: x')])
    assert.throws(
      () => configIn({ config: path }, { cwd: '/' }),
      (error: LanyardError) => error.code === 'config_invalid' && error.message.includes(path),
    )
})

test('what is missing is said: a file that is not there, an authority that nobody gave', () => {
  assert.throws(() => configIn({ config: 'nope.yaml' }, { cwd: folder }), /nope\.yaml: there is no such file/)
  assert.throws(() => configIn({}, { cwd: folder }), /authority: .*none was given \(--authority URL\)/)
})

test('a join token comes from the environment, without what an editor left at its end', () => {
  assert.equal(joinTokenIn({ LANYARD_JOIN_TOKEN: 'lanyard_join_1\n' }), 'lanyard_join_1')
  assert.equal(joinTokenIn({}), null)
  assert.equal(joinTokenIn({ LANYARD_JOIN_TOKEN: '' }), null)
})
