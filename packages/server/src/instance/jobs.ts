import type { Clock, NodeSettings } from '@lanyard/authority'
import type { ServerConfig } from '../config.ts'
import type { Log } from '../http/ports.ts'
import type { OpenStore } from '../store/ports.ts'
import type { Authorities } from './authorities.ts'
import { signEventHeads } from './heads.ts'
import type { Stop, Timers } from './timers.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** Something that is done again and again. One that fails is told in the log and tried again at its next turn. */
interface Job {
  readonly name: string
  readonly everyMs: number
  run(): Promise<unknown>
}

export interface JobParts {
  readonly data: OpenStore
  readonly authorities: Authorities
  readonly incidents: { turn(): Promise<void> }
  readonly presence: { tell(): Promise<void> }
  readonly retention: ServerConfig['retention']
  readonly nodes: Pick<NodeSettings, 'graceSec'>
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
}

/** Begins what runs beside the requests. Gives its end, which waits for what is under way. */
export function startJobs(parts: JobParts): () => Promise<void> {
  const started = jobsOf(parts).map(job => start(job, parts))
  return async () => {
    for (const { stop } of started) stop()
    await Promise.all(started.map(({ idle }) => idle()))
  }
}

function jobsOf({ data, authorities, incidents, presence, retention, nodes, clock }: JobParts): readonly Job[] {
  const keep = {
    certificatesMs: retention.certificates_hours * HOUR,
    eventsMs: retention.events_days * 24 * HOUR,
    nodesMs: nodes.graceSec * SECOND,
  }
  return [
    { name: 'rotation of authorities', everyMs: MINUTE, run: () => authorities.rotate() },
    {
      name: 'signature of event heads',
      everyMs: MINUTE,
      run: () => signEventHeads(data, authorities.eventsSigner(), clock.now()),
    },
    { name: 'sign of life', everyMs: 5 * SECOND, run: () => presence.tell() },
    { name: 'the work that kills left', everyMs: SECOND, run: () => incidents.turn() },
    { name: 'removal of old rows', everyMs: MINUTE, run: () => data.prune(clock.now(), keep) },
  ]
}

function start(job: Job, { timers, log }: JobParts): { stop: Stop; idle: () => Promise<unknown> } {
  let running: Promise<unknown> = Promise.resolve()
  const stop = timers.every(job.everyMs, () => {
    const turn = job.run().catch(error => log.error({ err: error, job: job.name }, `${job.name} failed`))
    running = turn
    return turn.then(() => undefined)
  })
  return { stop, idle: () => running }
}
