import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { loadConfig } from '@lanyard/server'
import { lanyard } from '../../testing/fake-io.ts'

const base = mkdtempSync(join(tmpdir(), 'lanyard-init-'))
after(() => rmSync(base, { recursive: true }))
const fresh = () => mkdtempSync(join(base, 'home-'))

test('without a terminal nothing is asked: settings, root and first admin key are there', async () => {
  const cwd = fresh()
  const ran = await lanyard(['init', '--json', '--trust-domain', 'example.test', '--key-policy', 'modern'], { cwd })
  assert.equal(ran.exit, 0, ran.err)
  const made = JSON.parse(ran.out)
  assert.equal(made.trust_domain, 'example.test')
  assert.equal(made.config_file, join(cwd, 'lanyard.yaml'))
  assert.equal(made.passphrase_file, null)
  assert.match(made.root_sha256, /^[0-9a-f]{64}$/)
  for (const file of [made.root_file, made.admin_key_file]) assert.equal(statSync(file).mode & 0o777, 0o600)
  const { config } = loadConfig({ cwd, env: {} })
  assert.equal(config.trust_domain, 'example.test')
  assert.equal(config.key_policy, 'modern')
  assert.equal(config.data, join(cwd, 'lanyard-data'))
})

test('at a terminal it asks six questions; an empty answer takes what is usual', async () => {
  const cwd = fresh()
  const answers = ['example.test', 'store', '127.0.0.1:9443', 'id.example.test', '', join(cwd, 'secret')]
  const ran = await lanyard(['init', '--json'], { cwd, answers })
  assert.equal(ran.exit, 0, ran.err)
  const { config } = loadConfig({ cwd, env: {} })
  assert.deepEqual(config.listen, { host: '127.0.0.1', port: 9443 })
  assert.deepEqual(config.hosts, ['id.example.test'])
  assert.equal(config.data, join(cwd, 'store'))
  assert.equal(config.key_policy, 'rsa-only')
  assert.equal(statSync(join(cwd, 'secret')).mode & 0o777, 0o600)
  assert.ok(!existsSync(join(cwd, 'store', 'wrapping.key')), 'sealed')
  const secret = readFileSync(join(cwd, 'secret'), 'utf8').trim()
  assert.ok(!`${ran.out}${ran.err}${readFileSync(join(cwd, 'lanyard.yaml'), 'utf8')}`.includes(secret))
})

test('what is given is not asked, and --yes asks nothing', async () => {
  const cwd = fresh()
  const ran = await lanyard(['init', '--trust-domain', 'a.test', '--yes'], { cwd, answers: ['b.test'] })
  assert.equal(ran.exit, 0, ran.err)
  assert.match(ran.out, /trust +a\.test/)
  assert.match(ran.out, /lanyard up --config .*lanyard\.yaml\n$/)
})

test('a file elsewhere says where the data lie, wherever it is used from', async () => {
  const cwd = fresh()
  const file = join(fresh(), 'settings.yaml')
  const ran = await lanyard(['init', '--yes', '--config', file], { cwd })
  assert.equal(ran.exit, 0, ran.err)
  assert.equal(loadConfig({ cwd: '/', env: {}, file }).config.data, join(cwd, 'lanyard-data'))
})

test('nothing is overwritten, and wrong settings are refused before anything is made', async () => {
  const cwd = fresh()
  const refused = await lanyard(['init', '--yes', '--listen', 'nowhere'], { cwd })
  assert.equal(refused.exit, 2)
  assert.ok(!existsSync(join(cwd, 'lanyard-data')))
  writeFileSync(join(cwd, 'lanyard.yaml'), 'keys: store\n')
  assert.equal((await lanyard(['init', '--yes'], { cwd })).exit, 2)
  assert.equal(readFileSync(join(cwd, 'lanyard.yaml'), 'utf8'), 'keys: store\n')
  const secret = join(cwd, 'secret')
  writeFileSync(secret, 'old\n')
  const again = await lanyard(['init', '--yes', '--config', 'new.yaml', '--passphrase-out', secret], { cwd })
  assert.equal(again.exit, 2)
  assert.equal(readFileSync(secret, 'utf8'), 'old\n')
})

test('a data folder that has a store is not said to be made, and shows no key that is gone', async () => {
  const cwd = fresh()
  const made = await lanyard(['init', '--json', '--yes'], { cwd })
  rmSync(JSON.parse(made.out).admin_key_file)
  const { exit, out, err } = await lanyard(['init', '--config', 'again.yaml'], { cwd })
  assert.equal(exit, 0, err)
  assert.match(out, /store and keys in .* were there: nothing is made anew/)
  assert.doesNotMatch(out, /null|✓ store/)
  assert.match(err, /there is no terminal, so nothing is asked/)
})
