import { setTimeout as sleep } from 'node:timers/promises'
import type { Incident } from '@lanyard/api'
import type { ApiClient } from '../../client/client.ts'
import { isPassing } from '../../problem.ts'

/** What can come to be known of an incident while it is open. */
export type News =
  | { readonly kind: 'step'; readonly step: Incident['steps'][number] }
  | { readonly kind: 'acknowledgement'; readonly acknowledgement: Incident['acknowledgements'][number] }

interface Watching {
  readonly stopped: AbortSignal
  /** Told each thing once, in the order in which it is seen. */
  tell(news: News, incident: Incident): void
  note(text: string): void
}

/** Looks five times a second at first; after that a person has seen the most, and a rate limit is a rate limit. */
const FAST_MS = 200
const SLOW_MS = 1000
const FAST_LOOKS = 75

/** Follows an incident until it is closed, and gives it; what was seen last when it is stopped before. */
export async function watchIncident(
  api: ApiClient,
  incident: string,
  { stopped, tell, note }: Watching,
): Promise<Incident | null> {
  const told = new Set<string>()
  let last: Incident | null = null
  for (let looks = 0; !stopped.aborted; looks++) {
    const seen = await look(api, incident, note)
    if (seen) {
      for (const [key, news] of newsOf(seen)) {
        if (!told.has(key)) tell(news, seen)
        told.add(key)
      }
      if (seen.state === 'closed') return seen
      last = seen
    }
    await sleep(looks < FAST_LOOKS ? FAST_MS : SLOW_MS, undefined, { signal: stopped }).catch(() => undefined)
  }
  return last
}

async function look(api: ApiClient, incident: string, note: (text: string) => void): Promise<Incident | null> {
  try {
    return await api.call('GET /v1/incidents/{incident}', { params: { incident } })
  } catch (error) {
    if (!isPassing(error)) throw error
    note(`${(error as Error).message}; looking again`)
    return null
  }
}

function newsOf({ steps, acknowledgements }: Incident): [key: string, news: News][] {
  return [
    ...inOrder(steps)
      .filter(({ state }) => state === 'done')
      .map((step): [string, News] => [step.step, { kind: 'step', step }]),
    ...acknowledgements
      .filter(({ outcome }) => outcome !== 'waiting')
      .map((one): [string, News] => [`${one.point} ${one.outcome}`, { kind: 'acknowledgement', acknowledgement: one }]),
  ]
}

/** As they were done; those that wait come last. */
export const inOrder = (steps: Incident['steps']): Incident['steps'] => steps.toSorted((a, b) => timeOf(a) - timeOf(b))

const timeOf = ({ at }: Incident['steps'][number]): number => (at === null ? Number.MAX_VALUE : Date.parse(at))
