import type { ServerConfig } from '../config.ts'
import type { Log } from '../http/ports.ts'
import { allBuses } from './all.ts'
import type { Bus } from './bus.ts'
import { inProcessBus } from './in-process.ts'

export type { Bus } from './bus.ts'

/** The buses that the settings ask for. None of them has to be there: what they lose is found by looking. */
export async function openBus(_config: ServerConfig, _log: Log): Promise<Bus> {
  return allBuses([inProcessBus()])
}
