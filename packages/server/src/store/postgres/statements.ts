import type { Runnable } from '../statement.ts'

/** A statement written by hand, for what happens before there are tables to be typed by. */
export const parameterized = (
  sql: string,
  parameters: readonly unknown[],
  answers: Runnable['answers'] = 'count',
): Runnable => ({ sql, parameters, answers, writes: answers === 'count' })
