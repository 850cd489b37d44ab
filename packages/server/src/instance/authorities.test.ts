import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Step, shared } from '@lanyard/authority'
import { MemoryKeys } from '../keys/memory.ts'
import { Authorities } from './authorities.ts'
import { planAuthorities } from './authority-plan.ts'
import { readAuthority } from './held-key.ts'
import { toHold } from './key-ring.ts'
import { localNames, newStoredKeys, verifyServer, World } from './world.suite.ts'

const DAY = 86_400

describe('the first start', () => {
  test('makes every authority once, tells of each, and keeps the private keys wrapped', async () => {
    const world = await World.make()
    const authorities = await world.open()
    const rows = await world.rows()
    assert.deepEqual(rows.map(({ purpose }) => purpose).toSorted(), [
      'agent-token',
      'events',
      'feed',
      'jwt-svid',
      'receipt',
      'wit-svid',
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
    const kids = [
      authorities.tokenSigner(),
      authorities.svidSigner(),
      authorities.eventsSigner(),
      authorities.feedSigner(),
      authorities.receiptSigner(),
    ].map(({ kid }) => kid)
    assert.equal(new Set([...kids, authorities.agentsIssuer().keyId]).size, 6)
    assert.deepEqual([...bundle.jwtAuthorities.keys()], [authorities.svidSigner().kid])
    assert.deepEqual([...authorities.tokenKeys().keys()], [authorities.tokenSigner().kid])
    const { keys } = JSON.parse(authorities.jwksJson())
    assert.deepEqual(
      keys.map((key: Record<string, unknown>) => [key.kid, key.alg, key.crv, key.use, key.d]),
      [[authorities.tokenSigner().kid, 'ES256', 'P-256', 'sig', undefined]],
    )
    assert.equal(bundle.x509Authorities.length, 1)
    assert.equal(authorities.rootsPem(), authorities.agentsIssuer().bundlePem)
    assert.equal(bundle.sequence, 3n)
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
    for (const keys of [new MemoryKeys(), newStoredKeys()])
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
        await world.data.store.write(tamper(world), shared())
        await assert.rejects(() => world.open(), { code })
      })
    }
  })
})

test('a store from before the feed and WIT-SVIDs gets the keys that it lacks, and keeps the others', async () => {
  const world = await World.make()
  const { authorities } = world.data.rows
  const asBefore: typeof authorities = {
    ...authorities,
    list: filter => authorities.list(filter),
    find: keyId => authorities.find(keyId),
    change: (keyId, change) => authorities.change(keyId, change),
    *insert(row) {
      if (!['feed', 'receipt', 'wit-svid'].includes(row.purpose)) yield* authorities.insert(row)
    },
  }
  await world.open({}, { rows: { ...world.data.rows, authorities: asBefore } })
  const before = await world.rows()
  assert.equal(before.length, 6)
  const opened = await world.open()
  const rows = await world.rows()
  const known = new Set(before.map(({ keyId }) => keyId))
  assert.deepEqual(
    rows.filter(({ keyId }) => known.has(keyId)),
    before,
  )
  const added = rows.filter(({ keyId }) => !known.has(keyId))
  assert.deepEqual(added.map(({ purpose }) => purpose).toSorted(), ['feed', 'receipt', 'wit-svid'])
  assert.equal(
    opened.feedSigner().certificate.subjectAltName!.uri[0],
    `spiffe://example.org/lanyard/feed/${world.wanted.instance}`,
  )
  assert.equal(opened.receiptSigner().certificate.subjectAltName!.uri[0], 'spiffe://example.org/lanyard/receipt')
  const again = await world.open()
  assert.deepEqual(await world.rows(), rows)
  assert.equal(again.feedSigner().kid, opened.feedSigner().kid)
})

test('a second instance would share the root and the token keys, and sign with keys of its own', async () => {
  const world = await World.make()
  await world.open()
  const kept = (await world.rows()).map(readAuthority)
  const second = { ...world.wanted, instance: '00000000-0000-4000-8000-000000000002' }
  assert.deepEqual(planAuthorities(kept, second, world.clock.now()), {
    root: 'keep',
    certify: ['x509-agents', 'x509-service', 'events', 'feed', 'receipt'],
    tokens: [],
    retire: [],
  })
  assert.deepEqual(
    toHold(kept, second.instance)
      .map(({ purpose }) => purpose)
      .toSorted(),
    ['agent-token', 'jwt-svid', 'wit-svid'],
  )
})
