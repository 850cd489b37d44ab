import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { chmodSync, existsSync, mkdtempSync, readFileSync, watch, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { LanyardError } from '@lanyard/api'
import type { Assembly } from '../assembly.ts'
import { Catalogue } from '../authority/catalogue.ts'
import type { DeliverySetting } from '../config.ts'
import { SvidWorld } from '../svids/svids.suite.ts'
import { noLog, noMeter, settled } from '../testing/index.ts'
import { areWritten, FILES } from './files.ts'
import { startDelivery } from './index.ts'

/** Deliveries of a fake authority's SVIDs. */
class World extends SvidWorld {
  readonly folder_ = mkdtempSync(join(tmpdir(), 'delivery-'))
  readonly listeners = new Set<() => void>()
  readonly tell = () => {
    for (const listener of this.listeners) listener()
  }
  readonly catalogue = new Catalogue(noLog, ({ changed, removed }) => {
    this.manager.entriesChanged(changed, removed)
    this.tell()
  })

  /** Why this machine is no node any more. */
  readonly keeper: { failure: LanyardError | null } = { failure: null }

  constructor() {
    super()
    this.onChanged = this.tell
    const own = this.ca.bundle.toJson()
    this.catalogue.take({ kind: 'bundles', trust_domain: 'example.org', bundle: own, federated: {} })
  }

  sync(): void {
    const entries = [...this.entries.values()]
    this.catalogue.take({ kind: 'entries', cursor: 'c', reset: true, more: false, entries, removed: [] })
  }

  start(setting: Partial<DeliverySetting> & { entry: string }) {
    const assembly = {
      node: { catalogue: this.catalogue, keeper: this.keeper },
      svids: this.manager,
      onChange: (listener: () => void) => {
        this.listeners.add(listener)
        return () => this.listeners.delete(listener)
      },
    } as unknown as Assembly
    const whole = { folder: join(this.folder_, 'out'), uid: null, gid: null, reload: null, ...setting }
    return startDelivery({ settings: [whole], assembly, log: noLog, meter: noMeter, time: this.time })
  }

  get serial(): string | null {
    const file = join(this.folder_, 'out', 'svid.pem')
    return existsSync(file) ? new X509Certificate(readFileSync(file)).serialNumber.toLowerCase() : null
  }
}

test('files follow an entry that is named by its SPIFFE ID: made, renewed, withdrawn', async () => {
  const world = new World()
  const entry = world.add()
  const delivery = world.start({ entry: entry.spiffe_id })
  assert.equal(world.serial, null)
  world.sync()
  await settled()
  const first = world.serial
  assert.equal(first, world.manager.held[0]!.serial)
  await world.time.advance(151_000)
  assert.notEqual(world.serial, first)
  assert.equal(world.serial, world.manager.held[0]!.serial)
  world.dead = () => 'agent'
  world.manager.judge()
  assert.equal(world.serial, null)
  assert.ok(!existsSync(join(world.folder_, 'out', 'svid_key.pem')))
  delivery.stop()
})

test('files of before a restart stay while nothing is known of the entries, and go when the entry is gone', async () => {
  const world = new World()
  const entry = world.add()
  world.sync()
  world.start({ entry: entry.id })
  await settled()
  const first = world.serial
  assert.notEqual(first, null)
  const next = new World()
  next.start({ entry: entry.id, folder: join(world.folder_, 'out') })
  assert.equal(world.serial, first)
  next.sync()
  assert.equal(world.serial, null)
})

test('files go when the authority lets the node go, and come back with it', async () => {
  const world = new World()
  const entry = world.add()
  world.sync()
  world.start({ entry: entry.id })
  await settled()
  assert.notEqual(world.serial, null)
  world.keeper.failure = new LanyardError('node_banned', 'node web-1 is banned')
  world.catalogue.clear()
  assert.equal(world.serial, null)
  assert.ok(!existsSync(join(world.folder_, 'out', 'svid_key.pem')))
  world.keeper.failure = null
  world.sync()
  await settled()
  assert.equal(world.serial, world.manager.held[0]!.serial)
})

test('files that a start finds as they should be are known, whoever wrote them', async () => {
  const world = new World()
  const entry = world.add()
  world.sync()
  world.start({ entry: entry.id })
  await settled()
  const out = join(world.folder_, 'out')
  const [svid] = world.manager.held
  const bundles = world.catalogue.bundles!
  assert.ok(areWritten(out, svid!, bundles))
  for (const name of FILES) {
    const text = readFileSync(join(out, name), 'utf8')
    writeFileSync(join(out, name), `${text} `)
    assert.ok(!areWritten(out, svid!, bundles), name)
    writeFileSync(join(out, name), text)
  }
  assert.ok(!areWritten(join(world.folder_, 'nowhere'), svid!, bundles))
})

test('the reload command runs after a change, without a shell and without our environment', async () => {
  const world = new World()
  const entry = world.add()
  world.sync()
  const said = join(world.folder_, 'said')
  const script = join(world.folder_, 'reload')
  writeFileSync(script, `#!/bin/sh\n{ echo "$1"; env; } > ${said}.new && mv ${said}.new ${said}\n`)
  chmodSync(script, 0o700)
  const done = new Promise<void>(resolve => {
    const watcher = watch(world.folder_, (_, name) => {
      if (name !== 'said') return
      watcher.close()
      resolve()
    })
  })
  process.env.LANYARD_TEST_SECRET = 'secret'
  world.start({ entry: entry.id, reload: [script, '$(id)'] })
  await done
  delete process.env.LANYARD_TEST_SECRET
  const text = readFileSync(said, 'utf8')
  assert.match(text, /^\$\(id\)\n/)
  assert.doesNotMatch(text, /LANYARD|HOME=/)
})
