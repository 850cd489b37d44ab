import { LanyardError } from '@lanyard/api'

/** How long an attestor may look at one process, in milliseconds. */
export const EXAMINE_MS = 5_000

/**
 * What `work` gives, or `attestation_failed` after `ms`. The work itself goes on: a read from a file system that a user serves
 * cannot be called back.
 */
export async function within<T>(work: Promise<T>, what: string, ms = EXAMINE_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const give = () => reject(new LanyardError('attestation_failed', `${what} did not answer within ${ms} ms`))
    timer = setTimeout(give, ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
