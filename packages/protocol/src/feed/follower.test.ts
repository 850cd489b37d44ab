import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { nodeCrypto } from '../node/crypto.ts'
import { ALICE, AT, credential, dead, delta, snapshot, subject } from './feed.suite.ts'
import { Follower } from './follower.ts'
import { clockSample } from './staleness.ts'

const OPTIONS = { budgetMs: 3000, graceMs: 1000, heartbeatMs: 1000, crypto: nodeCrypto }
/** So many milliseconds after the start, by both clocks. */
const at = (ms: number, wallAhead = 0) => ({ wall: AT + ms + wallAhead, monotonic: ms })
const kill = { deaths: [dead('agent', ALICE)] }
const alice = credential()
let point: Follower

beforeEach(() => {
  point = new Follower(OPTIONS)
  point.clock({ offsetMs: 0, uncertaintyMs: 0 }, at(0))
})

describe('Follower, what joins on', () => {
  it('begins with a snapshot, and acknowledges it', () => {
    assert.equal(point.standing(at(0)), 'catching-up')
    assert.equal(point.since, null)
    const heard = point.receive(snapshot(4, kill), at(0))
    assert.deepEqual(heard, { dead: [subject('agent', ALICE)], ackEpoch: 4, resync: false, regressed: null })
    assert.deepEqual([point.epoch, point.feedId, point.asOf], [4, 'feed-1', AT])
    assert.deepEqual(point.since, { epoch: 4, feedId: 'feed-1' })
    assert.equal(`${point.template}`, '/{tenant}/{agent}')
    assert.equal(point.standing(at(0)), 'fresh')
  })

  it('needs a snapshot when a delta comes first, yet believes the deaths', () => {
    const heard = point.receive(delta(3, 4, kill), at(0))
    assert.deepEqual([heard.resync, heard.ackEpoch, point.since], [true, null, null])
    assert.equal(point.deaths.judge(alice), 'agent')
    assert.equal(point.standing(at(0)), 'catching-up')
  })

  it('follows deltas, also such that reach back, and takes heartbeats for news without an acknowledgement', () => {
    point.receive(snapshot(4), at(0))
    assert.equal(point.receive(delta(4, 5, { asOf: AT + 1 }), at(1)).ackEpoch, 5)
    assert.equal(point.receive(delta(2, 7, { asOf: AT + 2 }), at(2)).ackEpoch, 7)
    assert.equal(point.receive(delta(7, 7, { asOf: AT + 1000 }), at(1000)).ackEpoch, null)
    assert.equal(point.age(at(1500)), 500.75)
  })

  it('notices a line that was lost, and is not fresh until a snapshot came', () => {
    point.receive(snapshot(4), at(0))
    const heard = point.receive(delta(5, 6, { ...kill, asOf: AT + 10 }), at(10))
    assert.deepEqual([heard.resync, heard.ackEpoch, heard.dead.length], [true, null, 1])
    assert.deepEqual([point.epoch, point.asOf, point.standing(at(10))], [4, AT, 'catching-up'])
    assert.equal(point.receive(snapshot(6, { asOf: AT + 20 }), at(20)).ackEpoch, 6)
    assert.equal(point.standing(at(20)), 'fresh')
  })

  it('lets nobody in before the last of several lines of a beginning, and takes no silence in the first for a pardon', () => {
    point.receive(snapshot(4, kill), at(0))
    point.reconnected(at(10))
    // What was told of the subject anew stands in a later line.
    assert.equal(point.receive(snapshot(5, { asOf: 0 }), at(10)).ackEpoch, 5)
    assert.deepEqual([point.standing(at(10)), point.deaths.judge(alice)], ['catching-up', 'agent'])
    point.receive(delta(5, 7, { ...kill, asOf: AT + 10 }), at(10))
    assert.equal(point.standing(at(10)), 'fresh')
  })

  it('ends nothing when another feed begins in several lines', () => {
    point.receive(snapshot(4), at(0))
    point.receive(snapshot(2, { feedId: 'feed-2', asOf: 0 }), at(10))
    assert.equal(point.standing(at(10)), 'catching-up')
    point.receive(delta(2, 3, { feedId: 'feed-2', asOf: AT + 10 }), at(10))
    assert.equal(point.standing(at(10)), 'fresh')
  })

  it('takes a line that is told again for what it is', () => {
    const first = delta(4, 5, { ...kill, asOf: AT + 5 })
    point.receive(snapshot(4), at(0))
    point.receive(first, at(5))
    point.receive(delta(5, 6, { asOf: AT + 8 }), at(8))
    const again = point.receive(first, at(15))
    assert.deepEqual(again, { dead: [], ackEpoch: null, resync: false, regressed: null })
    assert.deepEqual([point.epoch, point.asOf], [6, AT + 8])
    point.receive(delta(5, 6, { asOf: AT + 8 }), at(2000))
    assert.equal(point.age(at(2000)), 1993, 'a repetition makes no news younger')
  })
})

describe('Follower, a feed that falls back', () => {
  beforeEach(() => void point.receive(snapshot(9, kill), at(0)))
  const fallen = delta(7, 7, { asOf: AT + 100 })

  it('notices a lower epoch at a later time, tells it once, and keeps its deaths', () => {
    const heard = point.receive(fallen, at(100))
    assert.deepEqual([heard.resync, heard.regressed], [true, 'epoch 9, then 7 of feed-1'])
    assert.equal(point.standing(at(100)), 'catching-up')
    assert.equal(point.receive(delta(7, 7, { asOf: AT + 200 }), at(200)).regressed, null)
    const heardAgain = point.receive(snapshot(7, { asOf: AT + 300 }), at(300))
    assert.deepEqual([heardAgain.ackEpoch, heardAgain.resync, heardAgain.regressed], [7, false, null])
    point.receive(snapshot(12, { asOf: AT + 400 }), at(400))
    assert.equal(point.deaths.judge(alice), 'agent')
    assert.equal(point.standing(at(400)), 'fresh')
  })

  it('forgives an instance that is a little behind another one', () => {
    const heard = point.receive(delta(7, 8, { instance: 'two', asOf: AT + 900 }), at(900))
    assert.deepEqual(heard, { dead: [], ackEpoch: null, resync: false, regressed: null })
    assert.equal(point.asOf, AT, 'but learns no news from it')
    assert.equal(point.receive(delta(8, 8, { instance: 'two', asOf: AT + 1001 }), at(1001)).resync, true)
  })

  it('changes to another feed by a snapshot, and not back while that one speaks', () => {
    const other = { feedId: 'feed-2', asOf: AT + 100 }
    assert.equal(point.receive(delta(9, 9, other), at(100)).regressed, 'feed feed-1 at 9, then feed-2 at 9')
    const heard = point.receive(snapshot(3, other), at(110))
    assert.deepEqual([heard.ackEpoch, heard.resync, point.feedId, point.epoch], [3, false, 'feed-2', 3])
    assert.equal(point.deaths.judge(alice), 'agent')
    const back = point.receive(snapshot(10, { asOf: AT + 200 }), at(200))
    assert.deepEqual([back.resync, back.regressed], [true, 'feed feed-2 at 3, then feed-1 at 10'])
    assert.deepEqual([point.feedId, point.asOf, point.since], ['feed-2', AT + 100, null])
    assert.equal(point.standing(at(200)), 'catching-up')
    // Both were heard in the wrong order: it must not wait for ever for one that is gone.
    const silent = point.receive(snapshot(10, { asOf: AT + 4200 }), at(4200))
    assert.deepEqual([silent.resync, point.feedId, point.epoch], [false, 'feed-1', 10])
    assert.equal(point.standing(at(4200)), 'fresh')
    assert.equal(point.receive(snapshot(4, { ...other, asOf: AT + 4300 }), at(4300)).resync, true)
  })
})

describe('Follower, how old its news is', () => {
  it('counts from as_of, not from the arrival', () => {
    point.receive(snapshot(4), at(2500))
    assert.ok(point.age(at(2500)) >= 2500)
    assert.equal(point.standing(at(2990)), 'fresh')
    assert.equal(point.standing(at(3010)), 'stale')
  })

  it('is stale beyond the budget and over beyond the grace', () => {
    point.receive(snapshot(4), at(0))
    const standings = [0, 2990, 3000, 3001, 3990, 4001, 100_000].map(ms => point.standing(at(ms)))
    assert.deepEqual(standings, ['fresh', 'fresh', 'stale', 'stale', 'stale', 'over', 'over'])
  })

  it('adds the uncertainty of the clock', () => {
    point.clock({ offsetMs: -500, uncertaintyMs: 200 }, at(0))
    point.receive(snapshot(4), at(500))
    assert.equal(point.age(at(500)), 200.25)
  })

  it('takes the larger of both clocks', () => {
    point.receive(snapshot(4), at(0))
    assert.equal(point.age({ wall: AT + 4001, monotonic: 10 }), 4001, 'the machine slept')
    assert.equal(Math.round(point.age({ wall: AT - 3_600_000, monotonic: 3500 })), 3502, 'the clock was set back')
    point.receive(delta(4, 4, { asOf: AT + 500 }), at(3600, -3_600_000))
    assert.ok(point.age(at(3600, -3_600_000)) > 3000, 'a clock that was set back makes no line younger')
  })

  it('is no younger than its arrival when the authority spoke from the future', () => {
    point.receive(snapshot(4, { asOf: AT + 3_600_000 }), at(0))
    assert.equal(point.standing(at(3001)), 'stale')
    point.receive(delta(4, 4, { asOf: AT + 3100 }), at(3100))
    assert.equal(point.standing(at(3100)), 'fresh', 'and follows when its clock is set right')
  })

  it('is never fresh while the clocks were not compared', () => {
    const blind = new Follower(OPTIONS)
    blind.receive(snapshot(4), at(0))
    assert.equal(blind.standing(at(1)), 'catching-up')
    for (const sample of [{ offsetMs: Number.NaN, uncertaintyMs: 0 }, { offsetMs: 0, uncertaintyMs: -1 }, { offsetMs: 0, uncertaintyMs: Number.POSITIVE_INFINITY }]) blind.clock(sample, at(1)) // biome-ignore format: a row
    assert.equal(blind.standing(at(1)), 'catching-up')
    blind.clock({ offsetMs: 0, uncertaintyMs: 0 }, at(2))
    assert.equal(blind.standing(at(2)), 'fresh')
  })

  it('compares the clocks anew once they came apart', () => {
    point.receive(snapshot(4), at(0))
    assert.equal(point.clockWanted(at(500)), false)
    for (const wallAhead of [-3000, -150, 150, 1500]) {
      assert.equal(point.clockWanted(at(500, wallAhead)), true)
      assert.equal(point.standing(at(500, wallAhead)), 'catching-up')
    }
    point.clock({ offsetMs: 150, uncertaintyMs: 0 }, at(600, -150))
    assert.equal(point.standing(at(700, -150)), 'fresh')
  })

  it('learns of a sleep that a clock which was set back hides', () => {
    point.receive(snapshot(4), at(0))
    // Slept for 6 s, set back by 5: one second went by on the wall, and none was counted.
    const woken = { wall: AT + 1000, monotonic: 10 }
    assert.equal(point.standing(woken), 'catching-up')
    point.clock({ offsetMs: 5000, uncertaintyMs: 1 }, woken)
    assert.equal(point.standing(woken), 'over')
  })

  it('is over where a time is no number', () => {
    point.receive(snapshot(4), at(0))
    assert.equal(point.standing({ wall: Number.NaN, monotonic: 1 }), 'over')
    assert.equal(point.standing({ wall: AT, monotonic: Number.NaN }), 'over')
  })
})

describe('clockSample', () => {
  it('takes the middle of what is possible', () => {
    const sample = clockSample({ sent: at(0), got: at(14) }, { receivedAt: AT + 100, answeredAt: AT + 104 })
    assert.deepEqual(sample, { offsetMs: 104 + 5 - 14, uncertaintyMs: 5 })
  })

  it('tells nothing of an exchange in which a clock was set or stood still', () => {
    const theirs = { receivedAt: AT + 100, answeredAt: AT + 104 }
    for (const wallAhead of [-200, 200, Number.NaN])
      assert.equal(clockSample({ sent: at(0), got: at(14, wallAhead) }, theirs), null)
  })

  it('is not certain beyond the time that the exchange took', () => {
    const theirs = { receivedAt: AT, answeredAt: AT + 50 }
    assert.equal(clockSample({ sent: at(0), got: at(14) }, theirs)?.uncertaintyMs, 0)
  })
})

describe('Follower, catching up', () => {
  it('waits after a reconnect for a line that joins on', () => {
    point.receive(snapshot(4), at(0))
    point.reconnected(at(100))
    assert.equal(point.standing(at(100)), 'catching-up')
    point.receive(delta(4, 4, { asOf: AT + 90 }), at(110))
    assert.equal(point.standing(at(110)), 'fresh')
  })

  it('waits after a stall for a line that is later than its end', () => {
    point.receive(snapshot(4), at(0))
    point.stalled(at(2000))
    point.receive(delta(4, 4, { asOf: AT + 1900 }), at(2001))
    assert.equal(point.standing(at(2001)), 'catching-up')
    point.receive(delta(4, 4, { asOf: AT + 2002 }), at(2003))
    assert.equal(point.standing(at(2003)), 'fresh')
  })

  it('does not wait for a future that a wrong clock saw', () => {
    point.receive(snapshot(4), at(0))
    point.stalled(at(2000, 3_600_000))
    point.clock({ offsetMs: 0, uncertaintyMs: 0 }, at(2010))
    point.receive(delta(4, 4, { asOf: AT + 2020 }), at(2020))
    assert.equal(point.standing(at(2020)), 'fresh')
  })

  it('keeps a death while the clock that judges certificates here thinks that one lives', () => {
    const ends = { deaths: [dead('agent', ALICE, 1, AT + 1000)] }
    point.receive(snapshot(4, ends), at(0))
    point.receive(delta(4, 4, { asOf: AT + 70_000 }), at(70_000, -3_600_000))
    assert.equal(point.deaths.judge(alice), 'agent', 'the clock here is behind')
    point.receive(delta(4, 4, { asOf: AT + 500 }), at(140_000))
    assert.equal(point.deaths.judge(alice), 'agent', 'the clock of the authority is behind')
    point.receive(delta(4, 4, { asOf: AT + 210_000 }), at(210_000))
    assert.equal(point.deaths.size, 0)
  })
})
