import type { EventType } from '@lanyard/api'
import type { EventFilter, EventRows, EventState, NewEvent, Page, Step } from '@lanyard/authority'
import type { Fields } from '../chains.ts'
import { cursorInvalid, hexOf, numbersOfCursor } from '../encoding.ts'
import { instanceOf, seqOf } from '../place.ts'
import type { ChainName } from '../ports.ts'
import type { EventTable } from '../schema.ts'
import { listCertificates, type TimePlace } from './certificate-list.ts'
import { type CertificateRow, certificateOf } from './certificate-row.ts'
import type { RowContext } from './context.ts'
import { EXAMINED_MAX, pageOf, requireOne } from './page.ts'

/** What the audit chain covers: everything. The detail stands in the row as it was hashed. */
export const chainedEvent = (event: Omit<NewEvent, 'detail'>, detail: string): Fields => [
  event.at,
  event.type,
  event.outcome,
  event.tenant,
  event.agent,
  event.actor,
  event.source,
  event.correlation,
  detail,
]

interface Written extends Omit<NewEvent, 'detail'> {
  readonly place: number
  readonly hash: Uint8Array
  readonly detail: string
}

export function eventRows(context: RowContext): EventRows {
  const { statements, heads } = context
  const insert = statements.prepareChange((a: Written) =>
    statements.kysely.insertInto('events').values({
      place: a.place,
      at: a.at,
      type: a.type,
      outcome: a.outcome,
      tenant: a.tenant,
      agent: a.agent,
      actor: a.actor,
      source: a.source,
      correlation: a.correlation,
      detail: a.detail,
      hash: a.hash,
    }),
  )
  return {
    *append(event) {
      const detail = JSON.stringify(event.detail)
      const link = heads.next('audit', chainedEvent(event, detail))
      requireOne(yield* insert({ ...event, ...link, detail }), 'event')
    },
    list: (filter, page) => listEvents(context, filter, page),
  }
}

/** A place in the one order of both tables: newest first, then audit before issuance, then the later place. */
interface Position extends TimePlace {
  readonly chain: ChainName
}

/** An event at its place, read only once it is certain to be on the page. */
interface Found extends Position {
  readonly size: number
  readonly event: () => EventState
}

// Two tables, since their rows leave at different ages: each gives a page, and the first page of both together remains.
function* listEvents(context: RowContext, filter: EventFilter, page: Page) {
  const after = page.after === null ? null : positionOf(page.after)
  const names = yield* instanceNames(context)
  const found: Found[] = []
  let floor: Position | null = null
  if (filter.type !== 'cert.issued') {
    const before = boundFor('audit', after)
    const last = filter.type === undefined ? null : yield* lastExamined(context, filter, before)
    const rows = yield* auditRows(context, filter, before, last, page.limit + 1)
    floor = last && { ...last, chain: 'audit' }
    found.push(...rows.map(row => foundEvent(row, names)))
  }
  if (filter.type === undefined || filter.type === 'cert.issued') {
    const { rows } = yield* listCertificates(context, filter, boundFor('issuance', after), page.limit + 1)
    found.push(...rows.map(row => foundCertificate(row, names)))
  }
  const bounds = { floor: floor && cursorOf(floor), sizeOf: ({ size }: Found) => size }
  const { items, next } = pageOf(found.sort(newestFirst), page, cursorOf, bounds)
  return { items: items.map(({ event }) => event()), next }
}

const newestFirst = (a: Found, b: Found) =>
  b.at - a.at || Number(a.chain === 'issuance') - Number(b.chain === 'issuance') || b.place - a.place

const cursorOf = ({ at, chain, place }: Position) => `${at}.${chain === 'audit' ? 0 : 1}.${place}`

function positionOf(after: string): Position {
  const [at, chain, place] = numbersOfCursor(after, 3)
  if (chain !== 0 && chain !== 1) throw cursorInvalid()
  return { at: at!, chain: chain === 0 ? 'audit' : 'issuance', place: place! }
}

// At the time of the last item, the other chain's rows are either all still to come or all given already.
function boundFor(chain: ChainName, after: Position | null): TimePlace | null {
  if (after === null || after.chain === chain) return after
  return { at: after.at, place: chain === 'issuance' ? Number.MAX_SAFE_INTEGER : -1 }
}

function* instanceNames({ statements }: RowContext): Step<ReadonlyMap<number, string>> {
  const rows = yield* statements.query(statements.kysely.selectFrom('instances').select(['id', 'uuid']))
  return new Map(rows.map(({ id, uuid }) => [id, uuid]))
}

function auditRows(
  context: RowContext,
  filter: EventFilter,
  before: TimePlace | null,
  floor: TimePlace | null,
  limit: number,
): Step<readonly EventTable[]> {
  return context.statements.query(
    walk(context, filter, before)
      .selectAll()
      .$if(filter.type !== undefined, q => q.where('type', '=', filter.type!))
      .$if(floor !== null, q => q.where(eb => eb(eb.refTuple('at', 'place'), '>=', eb.tuple(floor!.at, floor!.place))))
      .limit(limit),
  )
}

function* lastExamined(context: RowContext, filter: EventFilter, before: TimePlace | null): Step<TimePlace | null> {
  const [last] = yield* context.statements.query(
    walk(context, filter, before)
      .select(['at', 'place'])
      .offset(EXAMINED_MAX - 1)
      .limit(1),
  )
  return last ?? null
}

// What an index can follow, in its order: all but the type.
function walk({ statements }: RowContext, { tenant, agent, since, until }: EventFilter, before: TimePlace | null) {
  const db = statements.kysely
  return db
    .selectFrom('events')
    .$if(tenant !== undefined, q => q.where('tenant', '=', tenant!))
    .$if(agent !== undefined, q => q.where('agent', '=', agent!))
    .$if(agent !== undefined && tenant === undefined, q =>
      q.where('tenant', 'in', db.selectFrom('tenants').select('tenant')),
    )
    .$if(since !== undefined, q => q.where('at', '>=', since!))
    .$if(until !== undefined, q => q.where('at', '<', until!))
    .$if(before !== null, q => q.where(eb => eb(eb.refTuple('at', 'place'), '<', eb.tuple(before!.at, before!.place))))
    .orderBy('at', 'desc')
    .orderBy('place', 'desc')
}

function foundEvent(row: EventTable, names: ReadonlyMap<number, string>): Found {
  const event = () => eventOf(row, names)
  return { at: row.at, place: row.place, chain: 'audit', size: row.detail.length, event }
}

const eventOf = (row: EventTable, names: ReadonlyMap<number, string>): EventState => ({
  at: row.at,
  type: row.type as EventType,
  outcome: row.outcome as EventState['outcome'],
  tenant: row.tenant,
  agent: row.agent,
  actor: row.actor,
  source: row.source,
  correlation: row.correlation,
  detail: JSON.parse(row.detail) as Record<string, unknown>,
  instance: names.get(instanceOf(row.place)) ?? '',
  chain: 'audit',
  seq: seqOf(row.place),
  hash: hexOf(row.hash),
})

function foundCertificate(row: CertificateRow, names: ReadonlyMap<number, string>): Found {
  const event = () => issuedOf(row, names)
  return { at: row.issued_at, place: row.place, chain: 'issuance', size: 0, event }
}

function issuedOf(row: CertificateRow, names: ReadonlyMap<number, string>): EventState {
  const certificate = certificateOf(row)
  return {
    at: certificate.issuedAt,
    type: 'cert.issued',
    outcome: 'ok',
    tenant: certificate.tenant,
    agent: certificate.agent,
    actor: `agent:${certificate.spiffeId}`,
    source: certificate.source,
    correlation: certificate.correlation,
    detail: {
      serial: certificate.serial,
      issuer_key_id: certificate.issuerKeyId,
      reputation_tier: certificate.tier,
      not_before: certificate.notBefore,
      not_after: certificate.notAfter,
      lineage: certificate.lineage,
      generation: certificate.generation,
      parent: certificate.parent,
      minted_by: certificate.mintedBy,
      incarnation: certificate.incarnation,
      key_thumbprint: certificate.keyThumbprint,
    },
    instance: names.get(instanceOf(row.place)) ?? '',
    chain: 'issuance',
    seq: seqOf(row.place),
    hash: hexOf(row.hash),
  }
}
