import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { TestClock } from '../../../../test/support/test-clock.ts'
import { type ServerConfigInput, serverConfig } from '../config.ts'
import { startPostgres } from '../testing/postgres.ts'
import { openAuthorities } from './open-authorities.ts'
import { type Data, openData } from './open-data.ts'
import { readSetup } from './setup.ts'

const base = mkdtempSync(join(tmpdir(), 'lanyard-shared-'))
after(() => rmSync(base, { recursive: true }))
let count = 0
const newFolder = () => join(base, `data-${++count}`)

const server = await startPostgres()
const clock = new TestClock()
const ports = {
  clock,
  dice: { bytes: (length: number) => new Uint8Array(randomBytes(length)) },
  log: { debug() {}, info() {}, warn() {}, error() {} },
}
const SEALED = { LANYARD_PASSPHRASE: 'correct horse battery staple' }

const setupOf = (data: string, settings: ServerConfigInput, env: Record<string, string> = SEALED) =>
  readSetup(serverConfig({ data, ...settings }), env)

/** Starts as far as keys go. */
async function start(folder: string, settings: ServerConfigInput, env?: Record<string, string>): Promise<Data> {
  const setup = setupOf(folder, settings, env)
  const data = await openData(setup, clock)
  await openAuthorities(data, setup, ports)
  await data.started()
  return data
}

const refused = (code: string, folder: string, settings: ServerConfigInput, env?: Record<string, string>) =>
  assert.rejects(start(folder, settings, env), { code })

test('instances that start at the same time have one root, one template and one set of token keys', async () => {
  const store = await server.createDatabase()
  const [a, b, c] = await Promise.all([1, 2, 3].map(() => start(newFolder(), { store })))
  const kept = await a!.store.read(() => a!.rows.authorities.list({}))
  const shared = kept.filter(({ instance }) => instance === null).map(({ purpose }) => purpose)
  assert.deepEqual(shared.toSorted(), ['agent-token', 'jwt-svid', 'wit-svid', 'x509-root'])
  assert.equal(new Set([a!.instance, b!.instance, c!.instance]).size, 3)
  assert.deepEqual(a!.keys.deriveSecret('cursor'), b!.keys.deriveSecret('cursor'))
  await Promise.all([a!.close(), b!.close(), c!.close()])
})

test('an instance is the same one after a restart, and never twice at once', async () => {
  const store = await server.createDatabase()
  const folder = newFolder()
  const first = await start(folder, { store })
  await refused('data_in_use', folder, { store })
  await first.close()
  const again = await start(folder, { store })
  assert.equal(again.instance, first.instance)
  await again.close()
})

test('what does not fit is refused, and no instance is left behind', async () => {
  const store = await server.createDatabase()
  await refused('passphrase_required', newFolder(), { store }, {})
  await (await start(newFolder(), { store, trust_domain: 'example.org' })).close()
  const folder = newFolder()
  await refused('passphrase_required', folder, { store }, {})
  await refused('passphrase_wrong', folder, { store }, { LANYARD_PASSPHRASE: 'wrong' })
  await refused('store_foreign', folder, { store, trust_domain: 'example.com' })
  await refused('config_invalid', folder, { store, id_template: '/other/{tenant}/{agent}' })
  assert.deepEqual(readdirSync(folder), [])
  const rows = await server.admin('select count(*)::int as count from lanyard.instances', store.split('/').at(-1)!)
  assert.deepEqual(rows, [{ count: 2 }])
})

test('a data folder of the other kind is refused', async () => {
  const store = await server.createDatabase()
  const ofFile = newFolder()
  await (await start(ofFile, {})).close()
  await refused('config_invalid', ofFile, { store })
  const ofDatabase = newFolder()
  await (await start(ofDatabase, { store })).close()
  await refused('config_invalid', ofDatabase, {})
  const id = join(ofDatabase, 'instance.id')
  assert.match(readFileSync(id, 'utf8'), /^[0-9a-f-]{36}\n$/)
  writeFileSync(id, 'mine\n')
  await refused('store_damaged', ofDatabase, { store })
})
