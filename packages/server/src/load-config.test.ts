import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { LanyardError } from '@lanyard/api'
import { serverConfig } from './config.ts'
import { configText } from './config-text.ts'
import { type ConfigSources, loadConfig } from './load-config.ts'
import { SETTINGS, type Setting } from './settings.ts'

const folder = mkdtempSync(join(tmpdir(), 'lanyard-config-'))
after(() => rmSync(folder, { recursive: true }))

let files = 0
function fileOf(text: string): string {
  const file = join(folder, `config-${++files}.yaml`)
  writeFileSync(file, text)
  return file
}

const load = (sources: ConfigSources) => loadConfig({ cwd: folder, env: {}, ...sources }).config

test('nothing at all is a usable configuration', () => {
  const { config, file } = loadConfig({ cwd: folder, env: {} })
  assert.deepEqual(config, { ...serverConfig(), data: join(folder, 'lanyard-data') })
  assert.equal(file, null)
})

/** One value of each setting that is not the usual one, as text. */
const OTHER: Readonly<Record<string, string>> = {
  data: '/srv/lanyard',
  store: 'postgres://lanyard:secret@db.example.org/lanyard',
  listen: '[::]:443',
  trust_domain: 'example.org',
  id_template: '/agent/{tenant}/{agent}',
  hosts: 'lanyard.example.org,10.0.0.1',
  dns_suffixes: 'agents.example.org',
  keys: 'memory',
  redis: 'rediss://:secret@redis.example.org:6380',
  'ca.algorithm': 'RSA-3072',
  key_policy: 'modern',
  'x509pop.ca_file': '/etc/machines.pem',
  'x509pop.tenant': 'acme',
  'x509pop.groups': 'linux,build',
  'idp.allow_addresses': '10.0.0.0/8,fd00::/8',
  'idp.ca_file': '/etc/providers.pem',
  'agent_mtls.ca_file': '/etc/agents.pem',
  'agent_mtls.dns_suffix': 'agents.example.org',
  'operator_ca.file': '/etc/operators.pem',
  'proxy.format': 'nginx',
  'proxy.header': 'X-Client-Cert',
  'proxy.spiffe_ids': 'spiffe://example.org/proxy',
  'proxy.socket': '/run/lanyard/proxy.sock',
  'proxy.dangerously_trust_addresses': '10.0.0.0/24',
  'log.level': 'warn',
  'log.format': 'text',
}

function otherOf({ key, kind, usual }: Setting): string {
  if (kind === 'flag') return String(usual !== 'true')
  return OTHER[key] ?? String(Number(usual) + 1)
}

for (const setting of SETTINGS) {
  const text = otherOf(setting)
  const [first, second] = setting.key.split('.') as [string, string?]
  const value = setting.kind === 'list' ? `[${text}]` : /[[{]/.test(text) ? `'${text}'` : text
  const yaml = second ? `${first}:\n  ${second}: ${value}\n` : `${first}: ${value}\n`

  test(`${setting.key} is the same by file, environment and flag`, () => {
    const byFile = load({ file: fileOf(yaml) })
    assert.notDeepEqual(byFile, load({}))
    assert.deepEqual(load({ env: { [setting.variable]: text } }), byFile)
    assert.deepEqual(load({ flags: { [setting.flag]: text } }), byFile)
    assert.ok(setting.about.length > 0, 'every setting says what it is for')
  })
}

test('flags win over the environment, which wins over the file', () => {
  const file = fileOf('log:\n  level: error\n  format: text\nkeys: memory\n')
  const config = load({ file, env: { LANYARD_LOG_LEVEL: 'warn' }, flags: { 'log-level': 'debug' } })
  assert.deepEqual(config.log, { level: 'debug', format: 'text' })
  assert.equal(config.keys, 'memory')
  assert.equal(load({ file, env: { LANYARD_LOG_LEVEL: 'warn' } }).log.level, 'warn')
})

test('a list may be written as one flag, as several, and with spaces', () => {
  assert.deepEqual(load({ flags: { hosts: ['a.example', 'b.example, c.example'] } }).hosts, [
    'a.example',
    'b.example',
    'c.example',
  ])
  assert.deepEqual(load({ env: { LANYARD_HOSTS: '' } }).hosts, [])
})

test('a relative data folder counts from where it was written', () => {
  assert.equal(load({ file: fileOf('data: store\n') }).data, join(folder, 'store'))
  assert.equal(loadConfig({ cwd: '/', env: {}, file: fileOf('data: store\n') }).config.data, join(folder, 'store'))
  assert.equal(loadConfig({ cwd: '/srv', env: { LANYARD_DATA: 'store' } }).config.data, '/srv/store')
})

test('lanyard.yaml is read where the server starts; LANYARD_CONFIG names another file', () => {
  const home = mkdtempSync(join(folder, 'home-'))
  writeFileSync(join(home, 'lanyard.yaml'), 'keys: memory\n')
  assert.equal(loadConfig({ cwd: home, env: {} }).config.keys, 'memory')
  const other = fileOf('key_policy: modern\n')
  assert.deepEqual(loadConfig({ cwd: home, env: { LANYARD_CONFIG: other } }).file, other)
})

const REFUSED: readonly (readonly [why: string, sources: ConfigSources, names: RegExp])[] = [
  ['a misspelt key', { file: fileOf('lsiten: 127.0.0.1:1\n') }, /lsiten is not a setting; the nearest is listen$/],
  ['a hyphen', { file: fileOf('trust-domain: a.b\n') }, /the nearest is trust_domain$/],
  ['a key without its folder', { file: fileOf('body_bytes: 5\n') }, /the nearest is limits\.body_bytes$/],
  ['a misspelt key in a folder', { file: fileOf('limits:\n  conections: 5\n') }, /nearest is limits\.connections$/],
  ['a folder that holds none', { file: fileOf('stores:\n  path: x\n') }, /stores is not a setting/],
  ['a misspelt variable', { env: { LANYARD_TRUST_DOMIAN: 'a.b' } }, /nearest is LANYARD_TRUST_DOMAIN$/],
  ['a passphrase in the file', { file: fileOf('passphrase: secret\n') }, /passphrase is not a setting/],
  ['a key written twice', { file: fileOf('keys: store\nkeys: memory\n') }, /unique/i],
  ['no YAML', { file: fileOf('keys: [store\n') }, /\.yaml: /],
  ['a list of settings', { file: fileOf('- keys\n') }, /expected settings/],
  ['an unknown tag', { file: fileOf('keys: !secret store\n') }, /tag/],
  ['a file that is not there', { file: join(folder, 'none.yaml') }, /none\.yaml: there is no such file/],
  ['a folder that is a value', { file: fileOf('log: 3\n') }, /^log: /],
  ['a text for a number', { env: { LANYARD_LIMITS_CONNECTIONS: 'many' } }, /limits\.connections .*got "many"/],
  ['too small a number', { flags: { 'limits-body-bytes': '3' } }, /--limits-body-bytes.*got 3/],
  ['a fraction', { flags: { 'limits-body-bytes': '5000.5' } }, /--limits-body-bytes/],
  ['an unknown choice', { flags: { keys: 'disk' } }, /keys .*"store".*got "disk"/],
  ['an address without a port', { flags: { listen: 'localhost' } }, /HOST:PORT/],
  ['a port beyond 65535', { flags: { listen: 'localhost:70000' } }, /HOST:PORT/],
  ['IPv6 without brackets', { flags: { listen: '::1:8443' } }, /HOST:PORT/],
  [
    'a network that is none',
    { env: { LANYARD_IDP_ALLOW_ADDRESSES: '10.0.0.0/33' } },
    /idp\.allow_addresses.*10\.0\.0\.0\/8/,
  ],
  ['an address within a network', { env: { LANYARD_IDP_ALLOW_ADDRESSES: '10.1.2.3/8' } }, /idp\.allow_addresses/],
  ['a network of everything', { env: { LANYARD_IDP_ALLOW_ADDRESSES: '0.0.0.0/0' } }, /idp\.allow_addresses/],
  ...['10.0.0', '10.1.2.3/8', '0.0.0.0/0', '::/0'].map(
    text =>
      [
        `proxies at ${text}`,
        { env: { LANYARD_PROXY_DANGEROUSLY_TRUST_ADDRESSES: text } },
        /proxy\.dangerously_trust_addresses/,
      ] as const,
  ),
]

for (const [why, sources, names] of REFUSED)
  test(`refused: ${why}`, () => {
    assert.throws(
      () => load(sources),
      error => {
        assert.ok(error instanceof LanyardError)
        assert.equal(error.code, 'config_invalid')
        assert.match(error.message, names)
        return true
      },
    )
  })

test('a wrong URL of a store is refused without being shown: it may hold a password', () => {
  assert.throws(
    () => load({ env: { LANYARD_STORE: 'mysql://lanyard:hunter2@db/lanyard' } }),
    error => {
      assert.ok(error instanceof LanyardError)
      assert.match(error.message, /^store .*postgres:/)
      assert.doesNotMatch(error.message, /hunter2/)
      return true
    },
  )
})

test('variables that Kubernetes makes for a service called lanyard are no settings of ours', () => {
  const env = {
    LANYARD_PORT: 'tcp://10.0.0.1:8443',
    LANYARD_PORT_8443_TCP_ADDR: '10.0.0.1',
    LANYARD_SERVICE_HOST: '10.0.0.1',
    LANYARD_SERVICE_PORT_HTTPS: '8443',
  }
  assert.deepEqual(load({ env }), load({}))
})

test('a name with nothing behind it says nothing', () => {
  assert.deepEqual(load({ file: fileOf('log:\n  # level: debug\nlisten:\nlimits:\n  connections:\n') }), load({}))
  assert.deepEqual(load({ file: fileOf('# nothing but a comment\n') }), load({}))
})

test('what a caller prefers gives way to everything that was written', () => {
  const otherwise = { 'log-format': 'text' }
  assert.equal(load({ otherwise }).log.format, 'text')
  assert.equal(load({ otherwise, env: { LANYARD_LOG_FORMAT: 'json' } }).log.format, 'json')
  assert.equal(load({ otherwise, file: fileOf('log:\n  format: json\n') }).log.format, 'json')
})

test('settings written as a file are read as they were', () => {
  for (const setting of SETTINGS) {
    const flags = { [setting.flag]: otherOf(setting) }
    assert.deepEqual(load({ file: fileOf(configText(flags)) }), load({ flags }), setting.key)
  }
  assert.equal(configText({}), '')
})

test('no two settings share a flag or a variable', () => {
  assert.equal(new Set(SETTINGS.map(setting => setting.flag)).size, SETTINGS.length)
  assert.equal(new Set(SETTINGS.map(setting => setting.variable)).size, SETTINGS.length)
})
