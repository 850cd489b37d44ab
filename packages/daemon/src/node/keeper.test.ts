import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, readdirSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { LanyardError } from '@lanyard/api'
import { encodePem, SpiffeId, toHex } from '@lanyard/protocol'
import { generateKeyNow, spkiOf } from '@lanyard/protocol/node'
import { PrivateFolder } from '../disk/private-folder.ts'
import { FakeTime, FakeTrustDomain, noLog, settled } from '../testing/index.ts'
import { NodeCredential } from './credential.ts'
import { NodeKeeper } from './keeper.ts'

const HOUR = 3_600_000

class World {
  readonly time = new FakeTime(Date.UTC(2026, 10, 21))
  /** The authority's. */
  readonly clock: { now(): number } = { now: () => this.time.now() - this.ahead }
  /** By how many milliseconds the clock of this machine is ahead. */
  ahead = 0
  /** By how many milliseconds the clock that certifies is ahead of the authority's. */
  certified = 0
  readonly ca = new FakeTrustDomain('example.org', () => this.time.now())
  readonly folder = PrivateFolder.open(mkdtempSync(join(tmpdir(), 'node-')))
  readonly ended: string[] = []
  attested = 0
  renewals = 0
  renewed = 0
  refusal: Error | null = null
  canAttest = true
  /** Of the proof. */
  version: string | null = null
  keeper = this.open()

  open(): NodeKeeper {
    return new NodeKeeper({
      time: this.time,
      clock: this.clock,
      log: noLog,
      random: () => 0,
      folder: this.folder,
      attest: this.canAttest
        ? async () => {
            this.attested++
            if (this.refusal !== null) throw this.refusal
            return this.#certify(generateKeyNow('P-256'))
          }
        : null,
      proof: { version: () => this.version, wanted: 'a new one' },
      renew: async ({ key }) => {
        this.renewals++
        if (this.refusal !== null) throw this.refusal
        return this.#certify(key)
      },
      renewed: () => this.renewed++,
      ended: ({ code }) => this.ended.push(code),
    })
  }

  #certify(key: NodeCredential['key']): NodeCredential {
    const spiffe_id = 'spiffe://example.org/lanyard/node/n1'
    const lineage = toHex(randomBytes(16))
    const leaf = this.ca.certify(spkiOf(key), SpiffeId.parse(spiffe_id), { ttlSec: 3600, lineage })
    const at = (ms: number) => new Date(this.clock.now() + this.certified + ms).toISOString()
    const reply = {
      ...{ node: 'abc', name: 'n1', spiffe_id, tenant: null, groups: [] },
      certificate: encodePem('CERTIFICATE', leaf.der),
      chain: encodePem('CERTIFICATE', this.ca.issuer.der),
      bundle: this.ca.rootPem,
      ...{ not_before: at(0), not_after: at(HOUR), renew_after: at(HOUR / 2) },
    }
    return NodeCredential.of(reply, key)
  }
}

test('attests once, keeps the key for its owner alone, and begins from the disk afterwards', async () => {
  const world = new World()
  await world.keeper.start()
  const key = world.keeper.credential.privateKeyPem()
  const [file] = readdirSync(world.folder.path)
  assert.equal(statSync(join(world.folder.path, file!)).mode & 0o777, 0o600)
  assert.doesNotMatch(JSON.stringify(world.keeper.credential), /PRIVATE/)
  const again = world.open()
  await again.start()
  assert.equal(again.credential.privateKeyPem(), key)
  assert.equal(world.attested, 1)
})

test('renews at half life with the same key', async () => {
  const world = new World()
  await world.keeper.start()
  const { certificate } = world.keeper.credential
  const key = world.keeper.credential.privateKeyPem()
  await world.time.advance(HOUR / 2 + 1_000)
  assert.deepEqual([world.renewals, world.renewed], [1, 1])
  assert.notEqual(world.keeper.credential.certificate, certificate)
  assert.equal(world.keeper.credential.privateKeyPem(), key)
})

test('a clock of the machine that is set ahead neither hastens renewals nor puts them off', async () => {
  const world = new World()
  await world.keeper.start()
  world.time.jump(HOUR)
  world.ahead = HOUR
  await world.time.advance(60_000)
  assert.equal(world.renewals, 0)
  await world.time.advance(HOUR / 2)
  assert.equal(world.renewals, 1)
})

test('clocks that never agree make no storm of renewals', async () => {
  const world = new World()
  // Each certificate is overdue when it comes.
  world.certified = -HOUR
  await world.keeper.start()
  await world.time.advance(60_000)
  assert.ok(world.renewals > 2 && world.renewals <= 6, `${world.renewals} renewals`)
})

test('goes on trying through an outage that outlives the certificate, and then needs no person', async () => {
  const world = new World()
  await world.keeper.start()
  world.refusal = new LanyardError('server_unreachable', 'away')
  await world.time.advance(30 * HOUR)
  assert.ok(world.renewals > 1_000 && world.renewals < 20_000, `${world.renewals} tries`)
  world.refusal = null
  await world.time.advance(60_000)
  assert.equal(world.renewed, 1)
  assert.deepEqual(world.ended, [])
})

test('a start without the authority waits for it; one that is refused ends', async () => {
  const world = new World()
  world.refusal = new LanyardError('server_unreachable', 'away')
  const started = world.keeper.start()
  await settled()
  await world.time.advance(10_000)
  assert.ok(world.attested > 2)
  world.refusal = null
  await world.time.advance(30_000)
  await started

  const other = new World()
  other.refusal = new LanyardError('node_proof_invalid', 'the token is used')
  await assert.rejects(other.keeper.start(), { code: 'node_proof_invalid' })
  other.canAttest = false
  await assert.rejects(other.open().start(), { code: 'config_invalid' })
})

test('a banned node is told once, stops renewing, and comes back when it may attest again', async () => {
  const world = new World()
  await world.keeper.start()
  world.refusal = new LanyardError('node_banned', 'stolen')
  world.keeper.refused(world.refusal as LanyardError)
  world.keeper.refused(world.refusal as LanyardError)
  assert.deepEqual(world.ended, ['node_banned'])
  await world.time.advance(HOUR)
  assert.equal(world.renewals, 0)
  assert.ok(world.attested > 10)
  world.refusal = null
  await world.time.advance(60_000)
  assert.equal(world.keeper.failure, null)
  assert.equal(world.renewed, 1)
})

test('a token that is spent is told of once, and not tried again; another one is, without a restart', async () => {
  const world = new World()
  world.version = 'spent'
  await world.keeper.start()
  world.refusal = new LanyardError('node_proof_invalid', 'the token was used')
  world.keeper.refused(new LanyardError('node_unknown', 'it was removed'))
  await world.time.advance(HOUR)
  assert.equal(world.attested, 2)
  world.version = 'another, and spent too'
  await world.time.advance(60_000)
  assert.equal(world.attested, 3)
  world.refusal = null
  await world.time.advance(60_000)
  assert.equal(world.attested, 3)
  world.version = 'new'
  await world.time.advance(5_000)
  assert.deepEqual([world.attested, world.renewed, world.keeper.failure], [4, 1, null])
})

test('a token is tried again where the authority has not judged it, and where each is another', async () => {
  for (const [version, code] of [
    ['one', 'server_unreachable'],
    [null, 'node_proof_invalid'],
  ] as const) {
    const world = new World()
    world.version = version
    await world.keeper.start()
    world.refusal = new LanyardError(code, 'no')
    world.keeper.refused(new LanyardError('node_unknown', 'it was removed'))
    await world.time.advance(HOUR)
    assert.ok(world.attested > 10, code)
  }
})

test('a node that was away for too long attests anew, where it can', async () => {
  const world = new World()
  await world.keeper.start()
  world.refusal = new LanyardError('certificate_expired', 'ended 8 days ago')
  await world.keeper.renew()
  assert.deepEqual(world.ended, ['node_unknown'])
  world.refusal = null
  await world.time.advance(60_000)
  assert.deepEqual([world.attested, world.renewed, world.keeper.failure], [2, 1, null])
})

test('a key that others can read is refused, and so is a folder that others can enter', async () => {
  const world = new World()
  await world.keeper.start()
  chmodSync(join(world.folder.path, 'node.json'), 0o640)
  await assert.rejects(world.open().start(), { code: 'permissions_too_wide' })
  chmodSync(world.folder.path, 0o750)
  assert.throws(() => PrivateFolder.open(world.folder.path), { code: 'permissions_too_wide' })
})

test('a full disk costs the next start, and nothing now', async () => {
  const world = new World()
  await world.keeper.start()
  world.folder.write = () => {
    throw new LanyardError('file_unwritable', 'ENOSPC')
  }
  await world.time.advance(HOUR / 2 + 1_000)
  await settled()
  assert.equal(world.renewed, 1)
})

test('roots that the authority tells are believed, and kept', async () => {
  const world = new World()
  await world.keeper.start()
  const other = new FakeTrustDomain('example.org')
  world.keeper.believe(other.rootPem)
  assert.equal(world.keeper.credential.bundle, other.rootPem)
  const again = world.open()
  await again.start()
  assert.equal(again.credential.bundle, other.rootPem)
})
