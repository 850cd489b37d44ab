import type { Outcome } from '../../command.ts'
import { writeFiles } from '../../files.ts'

/** A secret as the authority showed it, this once. */
export interface ShownSecret {
  readonly id: string
  readonly tenant: string
  readonly agent: string
  readonly secret: string
}

/**
 * Puts a new secret where it was asked for, or shows it. Where it cannot be written it is shown: nobody shows it again, and
 * the one before is dead.
 */
export function keepSecret(made: ShownSecret, file: string | null, note: (text: string) => void): Outcome {
  const { secret, ...rest } = made
  if (file === null) {
    note(`secret ${made.id} of ${made.tenant}/${made.agent}: it is not shown again`)
    return { json: made, text: secret }
  }
  try {
    writeFiles([{ path: file, content: `${secret}\n`, mode: 0o600 }])
  } catch (error) {
    note(`${(error as Error).message}: the secret could not be kept there, and is shown instead`)
    return { json: made, text: secret, exit: 'refused' }
  }
  note(`${file}: secret ${made.id} of ${made.tenant}/${made.agent}`)
  return { json: { ...rest, secret_file: file }, text: '' }
}
