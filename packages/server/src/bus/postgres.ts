import { setTimeout as after } from 'node:timers/promises'
import pg from 'pg'
import type { Log } from '../http/ports.ts'
import { EPOCH_CHANNEL } from '../store/rows/epoch.ts'
import { type Bus, Listeners, readEpoch } from './bus.ts'
import { Reachability } from './reachability.ts'

/** Between two attempts to reach the database, in milliseconds: twice as long each time, up to the last. */
const FIRST_WAIT_MS = 100
const LAST_WAIT_MS = 2000
/** How often it is asked whether the connection still stands, and how long it may take to be made or to answer. */
const ASK_MS = 5000
const ANSWER_MS = 2000

/**
 * What PostgreSQL tells of the epochs that are committed there, on a connection of its own. Telling is part of each such
 * commit, so that it cannot be lost with the teller; there is nothing to publish here.
 */
export function postgresBus(url: string, log: Log): Bus {
  const listeners = new Listeners()
  const closing = new AbortController()
  const kept = keep(url, epoch => listeners.tell(epoch), new Reachability('PostgreSQL', log), closing.signal)
  return {
    async publish() {},
    subscribe: listener => listeners.add(listener),
    async close() {
      closing.abort()
      await kept
    },
  }
}

/** Listens until it is told to stop, on one connection after the other. */
async function keep(url: string, tell: (epoch: number) => void, reach: Reachability, end: AbortSignal): Promise<void> {
  let waitMs = FIRST_WAIT_MS
  while (!end.aborted) {
    try {
      await listen(url, tell, end, () => {
        reach.found()
        waitMs = FIRST_WAIT_MS
      })
    } catch (error) {
      if (!end.aborted) reach.lost(error)
    }
    await pause(waitMs, end)
    waitMs = Math.min(2 * waitMs, LAST_WAIT_MS)
  }
}

/** Listens as long as one connection lasts. */
async function listen(
  url: string,
  tell: (epoch: number) => void,
  end: AbortSignal,
  listening: () => void,
): Promise<void> {
  const client = clientOf(url)
  let broken = false
  const over = new AbortController()
  const ends = AbortSignal.any([end, over.signal])
  const breakOff = () => {
    broken = true
    over.abort()
  }
  client.on('error', breakOff).on('end', breakOff)
  client.on('notification', ({ channel, payload = '' }) => {
    const epoch = channel === EPOCH_CHANNEL ? readEpoch(payload) : null
    if (epoch !== null) tell(epoch)
  })
  try {
    await client.connect()
    await client.query(`listen ${EPOCH_CHANNEL}`)
    listening()
    while (!ends.aborted) {
      await pause(ASK_MS, ends)
      if (!ends.aborted) await client.query('select 1')
    }
    if (broken && !end.aborted) throw new Error('the connection broke off')
  } finally {
    await client.end().catch(() => {})
  }
}

const clientOf = (url: string) =>
  new pg.Client({
    connectionString: url,
    application_name: 'lanyard bus',
    connectionTimeoutMillis: ANSWER_MS,
    query_timeout: ANSWER_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: ASK_MS,
  })

/** Waits, unless it is told to stop. Keeps no process alive. */
async function pause(ms: number, end: AbortSignal): Promise<void> {
  await after(ms, undefined, { signal: end, ref: false }).catch(() => {})
}
