import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { nodeCrypto } from '../node/crypto.ts'
import { Deaths } from './deaths.ts'
import { ALICE, AT, credential, dead, delta, snapshot, subject } from './feed.suite.ts'
import type { Credential, FeedLine, SubjectKind } from './types.ts'

const after = (...lines: readonly FeedLine[]): Deaths => {
  const deaths = new Deaths(nodeCrypto)
  for (const line of lines) line.kind === 'snapshot' ? deaths.replaceBy(line) : deaths.apply(line)
  return deaths
}
const alice = credential()
const VALUES: readonly [SubjectKind, string][] = [
  ['agent', alice.id],
  ['tenant', alice.tenant!],
  ['lineage', alice.lineage!],
  ['key', alice.keyThumbprint],
  ['issuer', alice.issuerKeyId!],
]

describe('Deaths', () => {
  for (const [kind, value] of VALUES)
    it(`kills by ${kind}, and only whom it concerns`, () => {
      const deaths = new Deaths(nodeCrypto)
      assert.deepEqual(deaths.apply(delta(1, 2, { deaths: [dead(kind, value)] })), [subject(kind, value)])
      assert.equal(deaths.judge(alice), kind)
      assert.ok(deaths.subjectsOf(alice).includes(subject(kind, value)))
      const other = { id: `${ALICE}2`, tenant: 'beta', lineage: null, keyThumbprint: 'other', issuerKeyId: null }
      assert.equal(deaths.judge(credential(other)), 'alive')
    })

  it('kills incarnations up to one, and lets later ones live', () => {
    const deaths = after(delta(1, 2, { deaths: [dead('agent', ALICE, 3)] }))
    for (const incarnation of [0, 1, 3, Number.NaN]) assert.equal(deaths.judge(credential({ incarnation })), 'agent')
    assert.equal(deaths.judge(credential({ incarnation: 4 })), 'alive')
  })

  it('revives a tenant by a rebirth alone, and never an old incarnation of an agent', () => {
    const tenant = after(delta(1, 2, { deaths: [dead('tenant', 'acme', 1)] }))
    assert.equal(tenant.judge(credential({ incarnation: 9 })), 'tenant')
    tenant.apply(delta(2, 3, { rebirths: [{ subject: subject('tenant', 'acme'), incarnation: 2 }] }))
    assert.equal(tenant.judge(alice), 'alive')
    const agent = after(delta(1, 2, { deaths: [dead('agent', ALICE, 1)] }))
    agent.apply(delta(2, 3, { rebirths: [{ subject: subject('agent', ALICE), incarnation: 2 }] }))
    assert.equal(agent.judge(alice), 'agent')
  })

  it('tells once of what died', () => {
    const deaths = after(delta(1, 2, { deaths: [dead('agent', ALICE, 2)] }))
    assert.deepEqual(deaths.apply(delta(1, 2, { deaths: [dead('agent', ALICE, 2)] })), [])
    assert.deepEqual(deaths.apply(delta(2, 3, { deaths: [dead('agent', ALICE, 1)] })), [])
    assert.deepEqual(deaths.apply(delta(3, 4, { deaths: [dead('agent', ALICE, 3)] })), [subject('agent', ALICE)])
  })

  it('forgets a death at its end, not before', () => {
    const deaths = after(delta(1, 2, { deaths: [dead('agent', ALICE, 1, AT), dead('tenant', 'acme', 1)] }))
    deaths.purge(AT - 1)
    assert.equal(deaths.size, 2)
    deaths.purge(AT)
    assert.equal(deaths.judge(alice), 'tenant')
    assert.equal(deaths.size, 1)
  })

  it('takes the end from the newest line', () => {
    const stays = delta(1, 2, { deaths: [dead('agent', ALICE, 1)] })
    const ends = delta(2, 3, { deaths: [dead('agent', ALICE, 1, AT)] })
    for (const order of [
      [stays, ends],
      [stays, ends, stays],
      [ends, stays],
    ]) {
      // biome-ignore format: rows
      const deaths = after(...order)
      deaths.purge(AT)
      assert.equal(deaths.size, 0)
    }
  })

  it('never shortens a death by what another feed says', () => {
    const deaths = after(delta(1, 2, { deaths: [dead('agent', ALICE, 1)] }))
    deaths.apply(delta(1, 2, { feedId: 'feed-2', deaths: [dead('agent', ALICE, 1, AT)] }))
    deaths.purge(AT)
    assert.equal(deaths.judge(alice), 'agent')
  })

  it('forgets what a later snapshot of the same feed leaves out, and nothing else', () => {
    const stays = delta(4, 5, { deaths: [dead('agent', ALICE)] })
    const kept: readonly [string, FeedLine][] = [
      ['an earlier snapshot', snapshot(4)],
      ['a snapshot of another feed', snapshot(9, { feedId: 'feed-2' })],
      ['a snapshot that tells it', snapshot(5, { deaths: [dead('agent', ALICE)] })],
    ]
    for (const [why, line] of kept) assert.equal(after(stays, line).judge(alice), 'agent', why)
    assert.equal(after(stays, snapshot(5)).judge(alice), 'alive')
    const ends = delta(4, 5, { deaths: [dead('agent', ALICE, 1, AT)] })
    assert.equal(after(ends, snapshot(5)).judge(alice), 'agent', 'what ends by itself')
  })

  it('keeps what it knew when the feed fell back, until the feed knows it again', () => {
    const deaths = after(delta(4, 5, { deaths: [dead('agent', ALICE, 2)] }))
    deaths.detach()
    deaths.replaceBy(snapshot(9, { deaths: [dead('agent', ALICE, 1)] }))
    deaths.replaceBy(snapshot(10))
    assert.equal(deaths.judge(credential({ incarnation: 2 })), 'agent')
    deaths.apply(delta(10, 11, { deaths: [dead('agent', ALICE, 2)] }))
    deaths.replaceBy(snapshot(12))
    assert.equal(deaths.judge(credential({ incarnation: 2 })), 'alive')
  })

  // A history of two agents and a tenant, as the authority would tell it.
  const history = fc
    .array(fc.tuple(fc.constantFrom<SubjectKind>('agent', 'tenant'), fc.constantFrom('a', 'b'), fc.boolean()), {
      maxLength: 8,
    })
    .map(steps => {
      const standing = new Map<string, { through: number; reborn: number }>()
      return steps.map(([kind, value, kills], i) => {
        const name = subject(kind, value)
        const now = standing.get(name) ?? { through: 0, reborn: 1 }
        if (kills) now.through = now.reborn
        else if (now.through > 0) now.reborn = now.through + 1
        standing.set(name, now)
        const deaths = now.through > 0 ? [{ subject: name, through: now.through, until: null }] : []
        return delta(i, i + 1, { deaths, rebirths: [{ subject: name, incarnation: now.reborn }] })
      })
    })
  const everyone: readonly Credential[] = ['a', 'b'].flatMap(id =>
    ['a', 'b', null].flatMap(tenant => [0, 1, 2, 3].map(incarnation => credential({ id, tenant, incarnation }))),
  )
  const verdicts = (deaths: Deaths) => everyone.map(one => deaths.judge(one))

  it('comes to the same verdicts whatever the order, and however often lines are repeated', () => {
    const shuffled = history.chain(lines =>
      fc.tuple(
        fc.constant(lines),
        fc.shuffledSubarray([...lines, ...lines, ...lines], { minLength: lines.length * 3 }),
      ),
    )
    fc.assert(
      fc.property(shuffled, ([lines, disordered]) =>
        assert.deepEqual(verdicts(after(...disordered)), verdicts(after(...lines))),
      ),
    )
  })

  it('revives nothing by a line that is repeated', () => {
    fc.assert(
      fc.property(history, fc.nat(), (lines, pick) => {
        if (lines.length === 0) return
        const deaths = after(...lines)
        const before = verdicts(deaths)
        deaths.apply(lines[pick % lines.length]!)
        assert.deepEqual(verdicts(deaths), before)
      }),
    )
  })
})
