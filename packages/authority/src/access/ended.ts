import type { BindingState } from '../ports.ts'

/** Whether a binding gives nothing any more. `at` in Unix milliseconds. */
export const hasEnded = ({ expiresAt }: Pick<BindingState, 'expiresAt'>, at: number): boolean =>
  expiresAt !== null && at >= expiresAt
