import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after } from 'node:test'
import type { EventState, Step } from '@lanyard/authority'
import { Certificate, decodePem, parseIpAddress, TrustDomain, verifyChain } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import { TestClock } from '../../../../test/support/test-clock.ts'
import type { KeyManager } from '../keys/key-manager.ts'
import { MasterKey } from '../keys/master-key.ts'
import { StoredKeys } from '../keys/stored.ts'
import { openSqliteStore } from '../store/index.ts'
import type { AuthorityState, OpenStore } from '../store/ports.ts'
import { Authorities, type AuthorityPorts } from './authorities.ts'
import type { Wanted } from './authority-plan.ts'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const dice = { bytes: (length: number) => new Uint8Array(randomBytes(length)) }

export const newStoredKeys = (): KeyManager =>
  new StoredKeys(new MasterKey(randomBytes(32)), 'passphrase', 'example.org')

export const localNames = { dns: ['localhost'], ips: [parseIpAddress('127.0.0.1')!] }

/** Everything around the authorities that stays when they are opened again. */
export class World {
  static readonly #open: OpenStore[] = []
  readonly clock = new TestClock()
  readonly data: OpenStore
  readonly keys: KeyManager
  readonly wanted: Wanted

  private constructor(data: OpenStore, keys: KeyManager) {
    this.data = data
    this.keys = keys
    this.wanted = {
      trustDomain: TrustDomain.parse('example.org'),
      instance: data.instance,
      algorithm: 'P-256',
      serverNames: localNames,
      dnsSuffixes: [],
    }
  }

  static async make(keys: KeyManager = newStoredKeys()): Promise<World> {
    const data = await openSqliteStore({ path: ':memory:', trustDomain: 'example.org', clock: new TestClock() })
    World.#open.push(data)
    return new World(data, keys)
  }

  static async closeAll(): Promise<void> {
    for (const data of World.#open) await data.close()
  }

  get ports(): AuthorityPorts {
    const { store, rows } = this.data
    return { store, rows, keys: this.keys, crypto: nodeCrypto, clock: this.clock, dice, log: quiet }
  }

  open(wanted: Partial<Wanted> = {}, ports: Partial<AuthorityPorts> = {}): Promise<Authorities> {
    return Authorities.open({ ...this.wanted, ...wanted }, {}, { ...this.ports, ...ports })
  }

  read<T>(step: () => Step<T>): Promise<T> {
    return this.data.store.read(step)
  }

  rows(): Promise<readonly AuthorityState[]> {
    return this.read(() => this.data.rows.authorities.list({}))
  }

  async events(): Promise<readonly EventState[]> {
    return (await this.read(() => this.data.rows.events.list({}, { limit: 100, after: null }))).items
  }
}

after(() => World.closeAll())

/** What a client that holds the bundle makes of the server's certificate at `at` (Unix ms). */
export function verifyServer(authorities: Authorities, at: number, name = 'localhost'): void {
  const blocks = decodePem(authorities.serverTls().cert, { labels: ['CERTIFICATE'] })
  const [leaf, ...intermediates] = blocks.map(({ der }) => Certificate.fromDer(der))
  assert.equal(intermediates.length, 1)
  const roots = authorities.bundle().x509Authorities
  const path = { leaf: leaf!, intermediates, roots, at: Math.floor(at / 1000) }
  verifyChain({ ...path, purpose: 'serverAuth', name: { dns: name } }, nodeCrypto)
}
