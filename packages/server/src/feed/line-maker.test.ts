import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type FeedLine, FeedVerifier, Follower, type Now, subjectOf } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import { World } from '../instance/world.suite.ts'
import type { Change } from './changes.ts'
import { LineMaker } from './line-maker.ts'

const world = await World.make()
const authorities = await world.open()
const T0 = world.clock.now()
const NOW: Now = { wall: T0, monotonic: 1000 }
const standing = (epoch: number) => ({ feedId: 'feed', epoch, asOf: T0 })

const change = (epoch: number): Change => {
  return { subject: subjectOf('agent', `a${epoch}`, nodeCrypto), epoch, through: 1, reborn: 0, until: null }
}
/** A subject that changed again stands where it stood. */
const CHANGES = [4, 1, 2, 3, 5, 6, 7].map(change)

async function linesOf(changes: readonly Change[], epoch: number, lineSubjects = 3): Promise<readonly FeedLine[]> {
  const maker = new LineMaker({
    instance: world.wanted.instance,
    template: '/tenant/{tenant}/agent/{agent}',
    signer: () => authorities.feedSigner(),
    lineSubjects,
  })
  const verifier = new FeedVerifier({
    trustDomain: world.wanted.trustDomain,
    roots: () => authorities.roots(),
    crypto: nodeCrypto,
  })
  const lines = (await maker.snapshot(standing(epoch), changes)).toString('latin1').split('\n')
  assert.equal(lines.pop(), '')
  return lines.map(line => verifier.verify(line, T0))
}

function follower(): Follower {
  const point = new Follower({ budgetMs: 3000, graceMs: 1000, heartbeatMs: 1000, crypto: nodeCrypto })
  point.clock({ offsetMs: 0, uncertaintyMs: 1 }, NOW)
  return point
}

describe('a beginning that is longer than one line', () => {
  test('comes in several, each complete up to its epoch, and only the last is fresh', async () => {
    const lines = await linesOf(CHANGES, 9)
    assert.deepEqual(
      lines.map(({ kind, prev, epoch, asOf, deaths }) => [kind, prev, epoch, asOf, deaths.length]),
      [
        ['snapshot', 0, 3, 0, 3],
        ['delta', 3, 6, 0, 3],
        ['delta', 6, 9, T0, 1],
      ],
    )
    assert.deepEqual((await linesOf(CHANGES, 9, 7)).length, 1)
    assert.deepEqual((await linesOf([], 9)).length, 1)
  })

  test('cuts no epoch in two', async () => {
    const together = CHANGES.map(one => ({ ...one, epoch: 5 }))
    assert.deepEqual(
      (await linesOf([...together, change(6)], 9)).map(({ deaths }) => deaths.length),
      [7, 1],
    )
  })

  test('leads a point that knows nothing to all of it, and lets it accept nobody before', async () => {
    const point = follower()
    const lines = await linesOf(CHANGES, 9)
    const standings = lines.map(line => {
      const { resync, regressed } = point.receive(line, NOW)
      assert.deepEqual([resync, regressed], [false, null])
      return point.standing(NOW) === 'fresh'
    })
    assert.deepEqual(standings, [false, false, true])
    assert.deepEqual([point.epoch, point.deaths.size], [9, 7])
  })

  test('takes nothing away from a point that knows more, and does not look to it as if the feed fell back', async () => {
    const point = follower()
    for (const line of await linesOf(CHANGES, 9, 100)) point.receive(line, NOW)
    point.reconnected(NOW)
    for (const line of await linesOf([...CHANGES, change(10)], 10)) {
      const { resync, regressed } = point.receive(line, NOW)
      assert.deepEqual([resync, regressed], [false, null])
      assert.ok(point.deaths.size >= 7)
    }
    assert.deepEqual([point.epoch, point.deaths.size, point.standing(NOW)], [10, 8, 'fresh'])
  })
})
