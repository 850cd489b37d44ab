import { LanyardError } from '@lanyard/api'
import type { NewEvent, Step, Store } from '@lanyard/authority'
import { type Fields, linkHash } from './chains.ts'
import { hexOf } from './encoding.ts'
import { placeOf, seqOf, spanOf } from './place.ts'
import type { ChainHead, ChainName, OpenStore, SignedHead } from './ports.ts'
import { certificateOf, certificatesOf, chainedCertificate } from './rows/certificate-row.ts'
import { type ChainEnds, chainEnds } from './rows/chain-ends.ts'
import type { RowContext } from './rows/context.ts'
import { chainedEvent } from './rows/events.ts'
import { headRows } from './rows/heads.ts'

/** Rows that one read takes at most. */
const BATCH = 200

interface Link {
  readonly seq: number
  readonly hash: string
  readonly fields: Fields
}

/**
 * Makes `verifyChain`, which computes every hash of a chain again, in batches that let other work pass. It finds rows
 * that were changed, put in or removed from the middle, and rows missing at the end where a signed head knew them.
 */
export function chainVerifier(store: Store, context: RowContext): OpenStore['verifyChain'] {
  const ends = chainEnds(context)
  return async (instance, chain) => {
    const signed = await signedHeads(store, context, instance, chain)
    const start = await store.read(() => ends.anchor(instance, chain))
    let head = start
    for (;;) {
      const batch = await store.read(() => nextLinks(context, ends, head))
      if (batch.links.length === 0) break
      head = batch.links.reduce((from, link) => follow(from, link, signed), batch.head)
    }
    const missing = [...signed.values()].find(({ seq }) => seq > head.seq)
    if (missing) throw damaged(chain, head.seq + 1, `it is missing; a head was signed at ${missing.seq}`)
    const heads = [...signed.values()].filter(({ seq }) => seq > start.seq)
    return { instance, chain, from: start.seq + 1, to: head.seq, heads }
  }
}

function follow(head: ChainHead, link: Link, signed: ReadonlyMap<number, SignedHead>): ChainHead {
  const seq = head.seq + 1
  if (link.seq !== seq) throw damaged(head.chain, seq, `it is missing; the next is ${link.seq}`)
  const hash = hexOf(linkHash(head, seq, link.fields))
  if (hash !== link.hash) throw damaged(head.chain, seq, 'its hash does not follow from it and the row before')
  const known = signed.get(seq)
  if (known && known.hash !== hash) throw damaged(head.chain, seq, 'a head was signed with another hash')
  return { ...head, seq, hash }
}

const damaged = (chain: ChainName, seq: number, what: string) =>
  new LanyardError('store_damaged', `row ${seq} of the ${chain} chain: ${what}`)

async function signedHeads(store: Store, context: RowContext, instance: string, chain: ChainName) {
  const rows = headRows(context)
  const heads = new Map<number, SignedHead>()
  let after: string | null = null
  do {
    const page: { items: readonly SignedHead[]; next: string | null } = await store.read(() =>
      rows.list({ instance, chain }, { limit: BATCH, after }),
    )
    for (const head of page.items) heads.set(head.seq, head)
    after = page.next
  } while (after !== null)
  return heads
}

// The rows that follow `head`, or what retention has left if it has passed `head` meanwhile.
function* nextLinks(
  context: RowContext,
  ends: ChainEnds,
  head: ChainHead,
): Step<{ head: ChainHead; links: readonly Link[] }> {
  const anchor = yield* ends.anchor(head.instance, head.chain)
  const from = anchor.seq > head.seq ? anchor : head
  const number = yield* ends.number(head.instance)
  const range = { first: placeOf(number, from.seq + 1), last: spanOf(number).last }
  const links = yield* head.chain === 'audit' ? auditLinks(context, range) : issuanceLinks(context, range)
  return { head: from, links }
}

interface Range {
  readonly first: number
  readonly last: number
}

function* auditLinks({ statements }: RowContext, { first, last }: Range): Step<Link[]> {
  const rows = yield* statements.query(
    statements.kysely
      .selectFrom('events')
      .selectAll()
      .where('place', '>=', first)
      .where('place', '<=', last)
      .orderBy('place')
      .limit(BATCH),
  )
  return rows.map(row => ({
    seq: seqOf(row.place),
    hash: hexOf(row.hash),
    fields: chainedEvent(row as Omit<NewEvent, 'detail'>, row.detail),
  }))
}

function* issuanceLinks({ statements }: RowContext, { first, last }: Range): Step<Link[]> {
  const rows = yield* statements.query(
    certificatesOf(statements)
      .where('c.place', '>=', first)
      .where('c.place', '<=', last)
      .orderBy('c.place')
      .limit(BATCH),
  )
  return rows.map(row => ({
    seq: seqOf(row.place),
    hash: hexOf(row.hash),
    fields: chainedCertificate(certificateOf(row)),
  }))
}
