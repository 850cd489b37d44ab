import { ProtocolError } from '../errors.ts'

/** Runs checks of one certificate of a chain, and lets a refusal say which one it is about. */
export function blame(who: string, check: () => void): void {
  try {
    check()
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    throw new ProtocolError(error.code, `${who}: ${error.message}`, { cause: error })
  }
}
