import assert from 'node:assert/strict'
import process from 'node:process'
import { after, before, test } from 'node:test'
import type { Got } from './ask.ts'
import { type AttemptName, attemptNamed } from './attempts.ts'
import { openTheftStage, type Stage } from './stage.ts'

/** What a thief has in the end. */
export interface Loot {
  /** Why it has nothing. */
  readonly code: string | null
  /** Whether it has an identity of the agent, or its key. */
  readonly stolen: boolean
}

/** Identities as loot: those of the agent count. */
export const loot = (got: Got, id: string): Loot => ({ code: got.code, stolen: got.ids.includes(id) })

type Steal = (stage: Stage) => Promise<Loot>

/**
 * Declares the thefts of one file: each is really done on a stage that they share, and what comes of it must be what the
 * table says.
 */
export function thefts(list: Partial<Record<AttemptName, Steal>>): void {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    test('thefts are done under several users, which takes root on Linux', { skip: true })
    return
  }
  let stage: Stage
  before(async () => {
    stage = await openTheftStage()
  })
  after(() => stage?.close())
  for (const [name, steal] of Object.entries(list) as [AttemptName, Steal][]) {
    const { attempt, code } = attemptNamed[name]
    test(`${code ?? 'nothing stops it'}: ${name}. ${attempt}`, async () => {
      const got = await steal(stage)
      assert.deepEqual(got, { code, stolen: code === null })
    })
  }
}
