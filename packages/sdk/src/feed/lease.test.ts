import assert from 'node:assert/strict'
import { test } from 'node:test'
import { feedStage, standing } from '../testing/guarded.ts'

test('that a feed fell back is said again until it was heard', async t => {
  const { feed, bob } = await feedStage(t)
  const { identity } = await bob({}, { graceMs: 60_000 })
  await standing(identity, 'fresh')
  feed.refusal = { status: 503, code: 'store_unavailable' }
  feed.forget('feed-2')
  await standing(identity, 'stale')
  assert.ok(feed.enrolments.every(({ regressed }) => regressed === undefined))
  feed.refusal = null
  const { regressed } = await feed.until(() => feed.enrolments.find(each => each.regressed !== undefined))
  assert.match(regressed!, /feed-1.*feed-2/)
  await identity.renew()
  await feed.until(() => feed.enrolments.at(-1)?.regressed === undefined || undefined)
})
