import { setTimeout as sleep } from 'node:timers/promises'
import type { EventRecord } from '@lanyard/api'
import type { ApiClient } from '../client/client.ts'
import { CONNECTION, connect } from '../client/connection.ts'
import { command, flag, type Invocation, number, type Outcome, text } from '../command.ts'
import { visible } from '../layout.ts'
import { PAGE } from '../listing.ts'
import type { Paint } from '../paint.ts'
import { isPassing, Misuse } from '../problem.ts'

const FILTER = {
  tenant: text('TENANT', 'Only of this tenant'),
  agent: text('AGENT', 'Only of this agent; needs --tenant'),
  type: text('TYPE', 'Only of this type, such as cert.issued'),
  since: text('RFC3339', 'Only from this time on'),
  until: text('RFC3339', 'Only before this time'),
} as const

export const events = command({
  name: 'events',
  summary: 'Read the audit events, or follow them.',
  about: 'Newest first; with --follow oldest first, and with --json one to a line.',
  operands: [],
  options: {
    ...FILTER,
    ...PAGE,
    follow: flag('Show new events as they come, until it is stopped'),
    interval: number('SEC', 'With --follow: seconds between two looks; 2 where not given'),
    ...CONNECTION,
  },
  examples: [
    { line: 'lanyard events --tenant acme --limit 20', does: 'The last twenty of a tenant.' },
    { line: 'lanyard events --type cert.refused --follow', does: 'Shows each refusal as it happens.' },
    { line: 'lanyard events --follow --json | jq .type', does: 'For a program: one JSON object to a line.' },
  ],
  wraps: 'GET /v1/events',
  run: async ({ options, io, emit, note }) => {
    const { tenant, agent, type, since, until, limit, cursor } = options
    if (options.follow && (until !== undefined || cursor !== undefined))
      throw new Misuse('--follow goes with neither --until nor --cursor')
    const api = await connect(options, io)
    const query = { tenant, agent, type, since, until, limit, cursor }
    if (!options.follow) return page(await api.call('GET /v1/events', { query }))
    const interval = (options.interval ?? 2) * 1000
    await follow(api, { tenant, agent, type, since }, { interval, stopped: io.stopped(), emit, note })
    return undefined
  },
})

function page(reply: { readonly items: readonly EventRecord[]; readonly next_cursor: string | null }): Outcome {
  return {
    json: reply,
    text: paint => {
      const lines = reply.items.map(event => line(event, paint))
      if (reply.next_cursor !== null) lines.push(paint.faint(`more: --cursor ${visible(reply.next_cursor)}`))
      return lines.length === 0 ? paint.faint('none') : lines.join('\n')
    },
  }
}

function line(event: EventRecord, paint: Paint): string {
  const who = event.agent === null ? (event.tenant ?? '') : `${event.tenant}/${event.agent}`
  const outcome = event.outcome === 'ok' ? paint.good('ok') : paint.bad(event.outcome)
  const detail = Object.entries(event.detail)
    .filter(([, value]) => value !== null && value !== '')
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  const rest = [who, `by ${event.actor}`, ...detail].filter(part => part !== '').map(visible)
  return `${paint.faint(visible(event.at))} ${paint.strong(visible(event.type))} ${outcome} ${rest.join(' ')}`
}

interface Filter {
  readonly tenant?: string | undefined
  readonly agent?: string | undefined
  readonly type?: string | undefined
  readonly since?: string | undefined
}

interface Following extends Pick<Invocation, 'emit' | 'note'> {
  /** Milliseconds. */
  readonly interval: number
  readonly stopped: AbortSignal
}

/** Looks again and again, also while the authority is away. An event is known by its id, since two may have the same time. */
async function follow(api: ApiClient, filter: Filter, { interval, stopped, emit, note }: Following): Promise<void> {
  let since = filter.since
  let shown = new Set<string>()
  while (!stopped.aborted) {
    const fresh = await allSince(api, { ...filter, since }, shown).catch(error => {
      if (!isPassing(error)) throw error
      note(`${error.message}; trying again`)
      return []
    })
    for (const event of fresh.reverse()) emit({ json: event, text: paint => line(event, paint) })
    const last = fresh.at(-1)
    if (last) {
      const same = fresh.filter(event => event.at === last.at).map(event => event.id)
      shown = new Set(last.at === since ? [...shown, ...same] : same)
      since = last.at
    }
    await sleep(interval, undefined, { signal: stopped }).catch(() => undefined)
  }
}

/** Newest first; without `since` one page, so that following begins with what is recent. */
async function allSince(api: ApiClient, filter: Filter, shown: ReadonlySet<string>): Promise<EventRecord[]> {
  const found: EventRecord[] = []
  let cursor: string | undefined
  do {
    const reply = await api.call('GET /v1/events', { query: { ...filter, cursor, limit: filter.since ? 500 : 20 } })
    found.push(...reply.items.filter(event => !shown.has(event.id)))
    cursor = filter.since ? (reply.next_cursor ?? undefined) : undefined
  } while (cursor !== undefined)
  return found
}
