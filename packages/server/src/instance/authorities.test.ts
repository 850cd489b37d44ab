import assert from 'node:assert/strict'
import { randomBytes, X509Certificate } from 'node:crypto'
import { after, describe, test } from 'node:test'
import type { EventState, Step } from '@lanyard/authority'
import { type Certificate, decodePem, parseIpAddress, TrustDomain, toHex, verifyChain } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import { TestClock } from '../../../../test/support/test-clock.ts'
import type { KeyManager, KeyPurpose } from '../keys/key-manager.ts'
import { MasterKey } from '../keys/master-key.ts'
import { MemoryKeys } from '../keys/memory.ts'
import { StoredKeys } from '../keys/stored.ts'
import { openSqliteStore } from '../store/index.ts'
import type { OpenStore } from '../store/ports.ts'
import { Authorities, type AuthorityPorts } from './authorities.ts'
import { planAuthorities, type Wanted } from './authority-plan.ts'
import { readAuthority } from './held-key.ts'
import { toHold } from './key-ring.ts'

const DAY = 86_400
const trustDomain = TrustDomain.parse('example.org')
const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const dice = { bytes: (length: number) => new Uint8Array(randomBytes(length)) }
const storedKeys = () => new StoredKeys(new MasterKey(randomBytes(32)), 'passphrase', 'example.org')
const localNames = { dns: ['localhost'], ips: [parseIpAddress('127.0.0.1')!] }

/** Everything around the authorities that stays when they are opened again. */
class World {
  static readonly #open: OpenStore[] = []
  readonly clock = new TestClock()
  readonly data: OpenStore
  readonly keys: KeyManager
  readonly wanted: Wanted

  private constructor(data: OpenStore, keys: KeyManager) {
    this.data = data
    this.keys = keys
    const { instance } = data
    this.wanted = { trustDomain, instance, algorithm: 'P-256', serverNames: localNames, dnsSuffixes: [] }
  }

  static async make(keys: KeyManager = storedKeys()): Promise<World> {
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

  rows() {
    return this.read(() => this.data.rows.authorities.list({}))
  }

  async events(): Promise<readonly EventState[]> {
    return (await this.read(() => this.data.rows.events.list({}, { limit: 100, after: null }))).items
  }
}

after(() => World.closeAll())

const fingerprint = ({ der }: Certificate) => toHex(nodeCrypto.sha256(der))

/** What a verifier that holds the bundle makes of the server's certificate. */
function verifyServer(authorities: Authorities, at: number, name = 'localhost'): void {
  const [leaf, ...intermediates] = decodePem(authorities.serverTls().cert, { labels: ['CERTIFICATE'] }).map(
    ({ der }) => new X509Certificate(der),
  )
  assert.equal(leaf!.checkHost(name), name)
  const { certificate } = authorities.serverTls()
  assert.equal(intermediates.length, 1)
  verifyChain(
    {
      leaf: certificate,
      intermediates: [serviceOf(authorities)],
      roots: authorities.bundle().x509Authorities,
      at: Math.floor(at / 1000),
      purpose: 'serverAuth',
      name: { dns: name },
    },
    nodeCrypto,
  )
}

function serviceOf(authorities: Authorities): Certificate {
  const [, service] = decodePem(authorities.serverTls().cert, { labels: ['CERTIFICATE'] })
  const found = authorities.serverTls().certificate
  assert.ok(service && found)
  return (found.constructor as typeof Certificate).fromDer(service.der)
}

describe('the first start', () => {
  test('makes every authority once, tells of each, and keeps the private keys wrapped', async () => {
    const world = await World.make()
    const authorities = await world.open()
    const rows = await world.rows()
    assert.deepEqual(rows.map(({ purpose }) => purpose).toSorted(), [
      'agent-token',
      'events',
      'jwt-svid',
      'x509-agents',
      'x509-root',
      'x509-service',
    ])
    for (const { sealed, state, purpose } of rows) {
      assert.equal(state, 'active')
      assert.ok(sealed!.length > 60, purpose)
    }
    const created = (await world.events()).filter(({ type }) => type === 'authority.created')
    assert.deepEqual(created.map(({ detail }) => detail.key_id).toSorted(), rows.map(({ keyId }) => keyId).toSorted())
    verifyServer(authorities, world.clock.now())
  })

  test('stores the facts of a new store with them, or nothing', async () => {
    const world = await World.make()
    await Authorities.open(world.wanted, { keys: 'a record' }, world.ports)
    assert.equal(await world.read(() => world.data.rows.meta.get('keys')), 'a record')
  })

  test('leaves nothing behind when the store refuses', async () => {
    const world = await World.make()
    const full = { ...world.data.store, write: () => Promise.reject(new Error('disk full')) }
    await assert.rejects(() => world.open({}, { store: { ...full, read: step => world.read(step) } }), /disk full/)
    assert.deepEqual(await world.rows(), [])
    await world.open()
  })

  test('gives each use a key of its own, and publishes each where it belongs', async () => {
    const world = await World.make()
    const authorities = await world.open()
    const bundle = authorities.bundle()
    const kids = [authorities.tokenSigner(), authorities.svidSigner(), authorities.eventsSigner()].map(({ kid }) => kid)
    assert.equal(new Set([...kids, authorities.agentsIssuer().keyId]).size, 4)
    assert.deepEqual([...bundle.jwtAuthorities.keys()], [authorities.svidSigner().kid])
    assert.deepEqual([...authorities.tokenKeys().keys()], [authorities.tokenSigner().kid])
    const { keys } = JSON.parse(authorities.jwksJson())
    assert.deepEqual(
      keys.map((key: Record<string, unknown>) => [key.kid, key.alg, key.crv, key.use, key.d]),
      [[authorities.tokenSigner().kid, 'ES256', 'P-256', 'sig', undefined]],
    )
    assert.equal(bundle.x509Authorities.length, 1)
    assert.equal(authorities.rootsPem(), authorities.agentsIssuer().bundlePem)
    assert.equal(bundle.sequence, 2n)
  })

  test('makes certificates with the key that is configured, and tokens with ES256', async () => {
    for (const [algorithm, type] of [
      ['P-384', 'P-384'],
      ['RSA-2048', 'RSA'],
    ] as const) {
      const world = await World.make()
      const authorities = await world.open({ algorithm })
      assert.equal(authorities.roots()[0]!.publicKey.type, type)
      assert.equal(authorities.agentsIssuer().certificate.publicKey.type, type)
      assert.equal(authorities.tokenSigner().signer.algorithm.jose, 'ES256')
      verifyServer(authorities, world.clock.now())
    }
  })
})

describe('another start', () => {
  test('finds the same authorities, and makes the server a new certificate', async () => {
    const world = await World.make()
    const before = await world.open()
    const rows = await world.rows()
    world.clock.pass(3600)
    const again = await world.open()
    assert.deepEqual(await world.rows(), rows)
    assert.equal(again.rootsPem(), before.rootsPem())
    assert.equal(again.agentsIssuer().chainPem, before.agentsIssuer().chainPem)
    assert.equal(again.tokenSigner().kid, before.tokenSigner().kid)
    assert.notEqual(again.serverTls().key, before.serverTls().key)
    assert.deepEqual(again.deriveSecret('cursor'), before.deriveSecret('cursor'))
  })

  test('after a month replaces what has ended, under the same root', async () => {
    const world = await World.make()
    const before = await world.open()
    world.clock.pass(30 * DAY)
    const again = await world.open()
    assert.equal(again.rootsPem(), before.rootsPem())
    assert.notEqual(again.agentsIssuer().keyId, before.agentsIssuer().keyId)
    verifyServer(again, world.clock.now())
  })

  test('with other hosts or suffixes replaces the intermediate that they concern', async () => {
    const world = await World.make()
    const first = await world.open()
    const hosted = await world.open({ serverNames: { ...localNames, dns: ['localhost', 'ca.example.org'] } })
    verifyServer(hosted, world.clock.now(), 'ca.example.org')
    assert.equal(hosted.agentsIssuer().keyId, first.agentsIssuer().keyId)
    const suffixed = await world.open({ dnsSuffixes: ['agents.example.com'] })
    assert.notEqual(suffixed.agentsIssuer().keyId, first.agentsIssuer().keyId)
    assert.deepEqual(suffixed.agentsIssuer().certificate.nameConstraints!.permitted.dns, ['agents.example.com'])
  })

  test('with another algorithm replaces the intermediates and keeps the root', async () => {
    const world = await World.make()
    const first = await world.open()
    const second = await world.open({ algorithm: 'P-384' })
    assert.equal(second.rootsPem(), first.rootsPem())
    assert.equal(second.agentsIssuer().certificate.publicKey.type, 'P-384')
  })

  test('without the keys, or with others, is refused and changes nothing', async () => {
    const world = await World.make()
    await world.open()
    const rows = await world.rows()
    for (const keys of [new MemoryKeys(), storedKeys()])
      await assert.rejects(() => world.open({}, { keys }), { code: 'keys_missing' })
    assert.deepEqual(await world.rows(), rows)
  })

  test('on a store that was tampered with is refused', async t => {
    const tampered: Record<string, [string, (world: World) => () => Step<void>]> = {
      'a key without its wrapped half': [
        'keys_missing',
        ({ data: { rows } }) =>
          function* () {
            const [row] = yield* rows.authorities.list({ purpose: 'agent-token' })
            yield* rows.authorities.change(row!.keyId, { sealed: null })
          },
      ],
      'two keys swapped': [
        'keys_missing',
        ({ data: { rows } }) =>
          function* () {
            const [token] = yield* rows.authorities.list({ purpose: 'agent-token' })
            const [svid] = yield* rows.authorities.list({ purpose: 'jwt-svid' })
            yield* rows.authorities.change(token!.keyId, { sealed: svid!.sealed })
          },
      ],
      'two certificates swapped': [
        'keys_missing',
        ({ data: { rows } }) =>
          function* () {
            const [agents] = yield* rows.authorities.list({ purpose: 'x509-agents' })
            const [service] = yield* rows.authorities.list({ purpose: 'x509-service' })
            yield* rows.authorities.change(agents!.keyId, { certificate: service!.certificate })
          },
      ],
      'a certificate that is gone': [
        'store_damaged',
        ({ data: { rows } }) =>
          function* () {
            const [agents] = yield* rows.authorities.list({ purpose: 'x509-agents' })
            yield* rows.authorities.change(agents!.keyId, { certificate: null })
          },
      ],
      'no root': [
        'keys_missing',
        ({ data: { rows } }) =>
          function* () {
            const [root] = yield* rows.authorities.list({ purpose: 'x509-root' })
            yield* rows.authorities.change(root!.keyId, { state: 'retired' })
          },
      ],
    }
    for (const [what, [code, tamper]] of Object.entries(tampered)) {
      await t.test(what, async () => {
        const world = await World.make()
        await world.open()
        await world.data.store.write(tamper(world))
        await assert.rejects(() => world.open(), { code })
      })
    }
  })
})

describe('rotation', () => {
  test('does nothing while nothing is due', async () => {
    const world = await World.make()
    const authorities = await world.open()
    const { cert } = authorities.serverTls()
    world.clock.pass(DAY / 2 - 60)
    await authorities.rotate()
    assert.equal(authorities.serverTls().cert, cert)
    assert.equal((await world.rows()).length, 6)
  })

  test("renews the server's certificate at half of its day, and tells whoever listens", async () => {
    const world = await World.make()
    const authorities = await world.open()
    const told: string[] = []
    authorities.onServerTls(({ cert, key }) => told.push(cert, key))
    const before = authorities.serverTls()
    world.clock.pass(DAY / 2 + 1)
    await authorities.rotate()
    const now = authorities.serverTls()
    assert.deepEqual(told, [now.cert, now.key])
    assert.notEqual(now.key, before.key)
    verifyServer(authorities, world.clock.now())
    verifyServer(authorities, world.clock.now() + (DAY - 60) * 1000)
  })

  test('replaces intermediates at half of their life; what the old one signed stays valid', async () => {
    const world = await World.make()
    const authorities = await world.open()
    const before = authorities.agentsIssuer()
    world.clock.pass(3.5 * DAY + 1)
    await authorities.rotate()
    const now = authorities.agentsIssuer()
    assert.notEqual(now.keyId, before.keyId)
    assert.ok(before.certificate.notAfter * 1000 > world.clock.now() + 3 * DAY * 1000)
    verifyServer(authorities, world.clock.now())
    assert.equal(authorities.bundle().sequence, 2n)
    const old = (await world.rows()).find(({ keyId }) => keyId === before.keyId)!
    assert.deepEqual([old.state, old.sealed], ['retired', null])
    assert.equal(fingerprint(before.certificate), toHex(nodeCrypto.sha256(old.certificate!)))
    await assert.rejects(
      () => world.keys.open({ ...old, purpose: 'x509-agents', algorithm: 'P-256', handle: new Uint8Array() }),
      {
        code: 'keys_missing',
      },
    )
  })

  test('goes on for months, turn by turn, without a gap and without a restart', async () => {
    const world = await World.make()
    const authorities = await world.open()
    for (let hour = 0; hour < 200 * 24; hour += 11) {
      world.clock.pass(11 * 3600)
      await authorities.rotate()
      assert.ok(authorities.canIssue(world.clock.now()))
      verifyServer(authorities, world.clock.now())
      const { certificate } = authorities.eventsSigner()
      assert.ok(certificate.notAfter * 1000 > world.clock.now() + 180 * DAY * 1000)
    }
    const again = await world.open()
    assert.equal(again.agentsIssuer().keyId, authorities.agentsIssuer().keyId)
  })

  test('that cannot be stored leaves all as it was, and is done at the next turn', async () => {
    const world = await World.make()
    let full = false
    const store = {
      read: <T>(step: () => Step<T>) => world.read(step),
      write: <T>(step: () => Step<T>) => (full ? Promise.reject(new Error('disk full')) : world.data.store.write(step)),
    }
    const authorities = await world.open({}, { store })
    const before = authorities.agentsIssuer()
    world.clock.pass(4 * DAY)
    full = true
    await assert.rejects(() => authorities.rotate(), /disk full/)
    assert.equal(authorities.agentsIssuer(), before)
    full = false
    await authorities.rotate()
    assert.notEqual(authorities.agentsIssuer().keyId, before.keyId)
  })

  test('that fails until the intermediate is nearly over makes the instance not ready', async () => {
    const world = await World.make()
    const authorities = await world.open()
    world.clock.pass(7 * DAY - 601)
    assert.ok(authorities.canIssue(world.clock.now()))
    world.clock.pass(2)
    assert.ok(!authorities.canIssue(world.clock.now()))
  })

  test('opens the root for the signatures alone, and not otherwise', async () => {
    const world = await World.make()
    const opened: KeyPurpose[] = []
    const keys: KeyManager = {
      protection: 'passphrase',
      create: (purpose, algorithm) => world.keys.create(purpose, algorithm),
      open: key => {
        opened.push(key.purpose)
        return world.keys.open(key)
      },
      destroy: key => world.keys.destroy(key),
      deriveSecret: purpose => world.keys.deriveSecret(purpose),
    }
    await world.open({}, { keys })
    assert.equal(opened.length, 0)
    const authorities = await world.open({}, { keys })
    assert.ok(!opened.includes('x509-root'))
    world.clock.pass(DAY)
    await authorities.rotate()
    assert.ok(!opened.includes('x509-root'))
    world.clock.pass(3 * DAY)
    await authorities.rotate()
    assert.equal(opened.filter(purpose => purpose === 'x509-root').length, 1)
  })

  test('stops where the root ends, and says so', async () => {
    const world = await World.make()
    const authorities = await world.open()
    world.clock.pass(3651 * DAY)
    await assert.rejects(() => authorities.rotate(), { code: 'not_ready' })
  })
})

test('a second instance would share the root and the token keys, and sign with keys of its own', async () => {
  const world = await World.make()
  await world.open()
  const kept = (await world.rows()).map(readAuthority)
  const second = { ...world.wanted, instance: '00000000-0000-4000-8000-000000000002' }
  assert.deepEqual(planAuthorities(kept, second, world.clock.now()), {
    root: 'keep',
    certify: ['x509-agents', 'x509-service', 'events'],
    tokens: [],
    retire: [],
  })
  assert.deepEqual(
    toHold(kept, second.instance)
      .map(({ purpose }) => purpose)
      .toSorted(),
    ['agent-token', 'jwt-svid'],
  )
})
