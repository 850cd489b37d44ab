import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { requireForm } from './form.ts'

const MANY = Array.from({ length: 40 }, (_, i) => `agent.kind${i}`) as [string, ...string[]]
const BODY = z.strictObject({
  kinds: z.array(z.enum(MANY)).optional(),
  few: z.enum(['one', 'two']).optional(),
  either: z
    .union([z.strictObject({ kind: z.enum(MANY) }), z.strictObject({ a: z.string(), b: z.string() })])
    .optional(),
})

/** What is sent, and what the refusal says. */
const ROWS: readonly (readonly [body: unknown, says: RegExp])[] = [
  [
    { kinds: ['agent.kind1', 'agent.knd2'] },
    /^kinds\.1: expected one of 40 .*got "agent\.knd2"; did you mean agent\.kind2\?$/,
  ],
  [
    { kinds: ['frobnicate'] },
    /^kinds\.0: expected one of 40 that the reference lists, such as agent\.kind0, got "frobnicate"$/,
  ],
  [{ kinds: ['x'.repeat(1000)] }, /got "x{64}…"$/],
  [{ kinds: [7] }, /^kinds\.0: Invalid option/],
  [{ few: 'three' }, /^few: Invalid option: expected one of "one"\|"two"$/],
  [{ either: { kind: 'agent.knd2' } }, /^either\.kind: .*did you mean agent\.kind2\?$/],
  [{ fwe: 'one' }, /^fwe: unknown field$/],
]

for (const [body, says] of ROWS)
  test(`${JSON.stringify(body).slice(0, 60)} is refused by its path, in a line that can be read`, () => {
    assert.throws(() => requireForm(BODY, body, 'body_invalid'), { code: 'body_invalid', message: says })
  })
