import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { serverConfig } from '../config.ts'
import { Machine } from '../testing/machines.ts'
import { nodeSettings } from './node-settings.ts'

const folder = mkdtempSync(join(tmpdir(), 'nodes-'))
after(() => rmSync(folder, { recursive: true }))

const authority = Machine.authority()
const pem = (machine: Machine) =>
  `-----BEGIN CERTIFICATE-----\n${Buffer.from(machine.certificate.der).toString('base64')}\n-----END CERTIFICATE-----\n`

let files = 0
/** The settings with a file of this content. */
function settings(text: string, x509pop: object = {}) {
  const file = join(folder, `${++files}.pem`)
  writeFileSync(file, text)
  return () => nodeSettings(serverConfig({ x509pop: { ca_file: file, ...x509pop } }))
}

test('without a file no machine becomes a node by its certificate', () => {
  assert.deepEqual(nodeSettings(serverConfig()), { certTtlSec: 3600, graceSec: 604_800, x509pop: null })
})

test('the file names the authorities', async () => {
  const other = Machine.authority()
  const { x509pop } = settings(`Ours\n${pem(authority)}${pem(other)}`, { tenant: 'acme', groups: ['b', 'a', 'b'] })()
  assert.deepEqual(
    x509pop?.roots.map(root => root.serialHex),
    [authority, other].map(({ certificate }) => certificate.serialHex),
  )
  assert.deepEqual([x509pop.tenant, x509pop.groups], ['acme', ['a', 'b']])
})

test('what is no authority, no file or no name is refused when the server starts', async () => {
  const leaf = authority.certify()
  const bad = [
    settings(''),
    settings('no PEM'),
    settings(pem(leaf)),
    settings(pem(authority) + pem(leaf)),
    settings(pem(authority).replaceAll('CERTIFICATE', 'PRIVATE KEY')),
    settings(pem(authority), { tenant: 'Acme' }),
    settings(pem(authority), { groups: ['a/b'] }),
    () => nodeSettings(serverConfig({ x509pop: { ca_file: join(folder, 'none') } })),
  ]
  for (const read of bad) assert.throws(read, { code: 'config_invalid', message: /x509pop\./ })
})
