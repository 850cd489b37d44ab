import type { Log } from '../http/ports.ts'
import { allBuses } from './all.ts'
import type { Bus } from './bus.ts'
import { inProcessBus } from './in-process.ts'
import { postgresBus } from './postgres.ts'
import { redisBus } from './redis.ts'

export type { Bus } from './bus.ts'

export interface BusOptions {
  readonly trustDomain: string
  /** URL of the database, where it can tell. */
  readonly postgres: string | null
  /** URL of a Redis. */
  readonly redis: string | null
  readonly log: Log
}

/** All buses that there are, as one. None of them has to be there: what they lose is found by looking. Throws `config_invalid`. */
export function openBus({ trustDomain, postgres, redis, log }: BusOptions): Bus {
  // First what can refuse its settings.
  const remote = redis === null ? [] : [redisBus({ url: redis, trustDomain, log })]
  if (postgres !== null) remote.push(postgresBus(postgres, log))
  return remote.length === 0 ? inProcessBus() : allBuses(remote)
}
