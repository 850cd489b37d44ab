import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeEntry } from '@lanyard/api'
import { SpiffeId } from '@lanyard/protocol'
import { AuthorityClock } from '../authority/clock.ts'
import type { Judge } from '../authority/feed.ts'
import { entryOf } from '../svids/svids.suite.ts'
import { FakeTime, FakeTrustDomain, noMeter } from '../testing/index.ts'
import { TokenDesk } from './desk.ts'

/** A desk whose authority says its word, and then something happens before it is here. */
function desk() {
  const time = new FakeTime(Date.UTC(2026, 10, 21))
  const ca = new FakeTrustDomain('example.org', () => time.now())
  const entry = entryOf()
  const world = {
    entry,
    known: entry as NodeEntry | undefined,
    verdict: 'alive' as ReturnType<Judge>,
    meanwhile: () => {},
    asked: 0,
  }
  const issue = async (audience: readonly string[]) => {
    world.asked++
    const { spiffe_id } = entry
    const token = ca.jwt(SpiffeId.parse(spiffe_id), audience, Math.floor(time.now() / 1000) + 300)
    world.meanwhile()
    const iso = (at: number) => new Date(at).toISOString()
    return { token, spiffe_id, issued_at: iso(time.now()), expires_at: iso(time.now() + 300_000) }
  }
  const tokens = new TokenDesk({
    clock: new AuthorityClock(time),
    meter: noMeter,
    judge: () => world.verdict,
    entry: () => world.known,
    issueJwt: (_, audience) => issue(audience),
    issueWit: () => issue(['wit']),
  })
  return { world, tokens, time }
}

type World = ReturnType<typeof desk>['world']

const changes: [string, (world: World) => void][] = [
  ['its agent is killed', world => (world.verdict = 'agent')],
  ['its entry is removed', world => (world.known = undefined)],
  ['its entry becomes another agent’s', world => (world.known = entryOf({ id: world.entry.id }))],
]

for (const [what, change] of changes)
  test(`a token that is under way while ${what} is given to nobody, at once or later`, async () => {
    const { world, tokens } = desk()
    world.meanwhile = () => change(world)
    for (const get of [() => tokens.jwt(world.entry, ['a']), () => tokens.wit(world.entry)]) {
      await assert.rejects(get(), { code: 'no_identity' })
      await assert.rejects(get(), { code: 'no_identity' })
    }
    assert.equal(world.asked, 4)
  })

test('ever new audiences fill no record, and keep nobody else from theirs', async () => {
  const { world, tokens, time } = desk()
  for (let n = 0; n < 500; n++) await tokens.jwt(world.entry, [`${n}`])
  await assert.rejects(tokens.jwt(world.entry, ['500']), { code: 'rate_limited' })
  assert.ok(await tokens.jwt(world.entry, ['0']), 'what is held is given')
  await time.advance(1_000)
  for (let n = 500; n < 520; n++) await tokens.jwt(world.entry, [`${n}`])
  await assert.rejects(tokens.jwt(world.entry, ['520']), { code: 'rate_limited' })
  assert.equal(world.asked, 520)
  await tokens.jwt({ ...world.entry, id: 'of another' }, ['520'])
})

test('a token of an entry that has changed in other ways is good', async () => {
  const { world, tokens } = desk()
  const given = await tokens.jwt(world.entry, ['a'])
  world.known = { ...world.entry, hint: 'new' }
  assert.equal((await tokens.jwt(world.known, ['a'])).token, given.token)
  assert.equal(world.asked, 1)
})
