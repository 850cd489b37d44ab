import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TROUBLES } from './disturbances.ts'
import { explore } from './explore.ts'
import { IN_THE_STORE, ON_THE_WAY } from './planted.ts'
import { SMALL_CASES } from './small-cases.ts'
import { Violation } from './violation.ts'
import { World } from './world.ts'

const MINUTES = 1
const MOST_SEEDS = 200

describe('every order of the small cases', () => {
  for (const [name, make] of Object.entries(SMALL_CASES))
    it(name, t => {
      const { states, ends } = explore(() => make())
      t.diagnostic(`${states} states, ${ends} ends`)
      // Fewer would mean that what was to interleave was refused at once.
      assert.ok(states >= 100 && ends >= 2, `${states} states, ${ends} ends`)
    })
})

describe('random histories', () => {
  it('keep every promise', t => {
    let moments = 0
    for (let seed = 1; seed <= 8; seed++) moments += new World(seed).run(MINUTES).moments
    t.diagnostic(`8 seeds of ${MINUTES} simulated minute: ${moments} moments`)
  })

  it('are the same for the same seed, and others for another', () => {
    const digest = (seed: number) => new World(seed).run(MINUTES).digest
    assert.equal(digest(7), digest(7))
    assert.notEqual(digest(7), digest(8))
  })
})

const violates = (run: () => unknown): string | null => {
  try {
    run()
    return null
  } catch (error) {
    if (error instanceof Violation) return error.message.split('\n')[0]!
    throw error
  }
}

describe('faults of the store that are planted', () => {
  for (const [name, [faults, shownBy]] of Object.entries(IN_THE_STORE))
    it(`finds ${name}`, t => {
      const found = violates(() => explore(() => SMALL_CASES[shownBy]!(faults)))
      t.diagnostic(found ?? '')
      assert.ok(found, `no order of ${shownBy} shows it`)
    })
})

describe('faults on the way that are planted', () => {
  for (const [name, faults] of Object.entries(ON_THE_WAY))
    it(`finds ${name}`, t => {
      for (let seed = 1; seed <= MOST_SEEDS; seed++) {
        const found = violates(() => new World(seed, faults).run(MINUTES))
        if (found === null) continue
        t.diagnostic(`seed ${seed}: ${found}`)
        const { troubles = TROUBLES, brisk = false } = faults
        assert.equal(
          violates(() => new World(seed, { troubles, brisk }).run(MINUTES)),
          null,
          'without the fault',
        )
        return
      }
      assert.fail(`none of ${MOST_SEEDS} seeds shows it`)
    })
})
