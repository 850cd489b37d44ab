import { setTimeout as sleep } from 'node:timers/promises'
import type { Killed } from '@lanyard/api'
import { isPassing, Refusal } from '../../problem.ts'

/** Waits between tries: short at first, since an agent that runs wild does not wait. Milliseconds. */
export const WAITS = [100, 300, 1000, 2000, 4000] as const

interface Sending {
  /** The name of the incident, the same in every try: a kill whose reply was lost is not done twice. */
  readonly incident: string
  readonly waits?: readonly number[]
  note(text: string): void
}

/**
 * Asks until it is answered. A refusal ends it at once; when nobody answers, whether the kill is durable is unknown, and
 * the last error says how to ask again.
 */
export async function send(call: () => Promise<Killed>, { incident, waits = WAITS, note }: Sending): Promise<Killed> {
  for (const wait of waits) {
    try {
      return await call()
    } catch (error) {
      if (!isPassing(error)) throw error
      note(`${(error as Error).message}; asking again`)
      await sleep(wait)
    }
  }
  try {
    return await call()
  } catch (error) {
    throw error instanceof Refusal && isPassing(error) ? undecided(error, incident) : error
  }
}

const undecided = (error: Refusal, incident: string): Refusal =>
  new Refusal(
    {
      ...error.problem,
      incident,
      remedy: `Whether the kill is durable is unknown. Ask again, with the same arguments and --incident ${incident}`,
    },
    { cause: error },
  )
