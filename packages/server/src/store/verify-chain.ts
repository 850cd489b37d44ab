import { LanyardError } from '@lanyard/api'
import type { NewEvent, Step, Store } from '@lanyard/authority'
import { type Fields, linkHash } from './chains.ts'
import { hexOf } from './encoding.ts'
import { placeOf, seqOf, spanOf } from './place.ts'
import type { ChainHead, ChainName, SignedHead, VerifiedChain } from './ports.ts'
import { certificateOf, certificatesOf, chainedCertificate } from './rows/certificate-row.ts'
import type { RowContext } from './rows/context.ts'
import { chainedEvent } from './rows/events.ts'
import { chainEnds, headRows } from './rows/heads.ts'

const BATCH = 500

interface Link {
  readonly seq: number
  readonly hash: string
  readonly fields: Fields
}

/**
 * Computes every hash of a chain again, in batches that let other work pass. It finds rows that were changed, removed
 * from the middle or put in, and rows missing at the end where a signed head knew them. Throws `store_damaged`.
 */
export async function verifyChain(
  store: Store,
  context: RowContext,
  instance: string,
  chain: ChainName,
): Promise<VerifiedChain> {
  const ends = chainEnds(context)
  const signed = await signedHeads(store, context, instance, chain)
  const start = await store.read(() => ends.anchor(instance, chain))
  let head = start
  for (;;) {
    const batch = await store.read(() => nextLinks(context, head))
    // Retention may have passed us meanwhile: go on from what it left.
    if (batch.anchor.seq > head.seq) head = batch.anchor
    if (batch.links.length === 0) break
    for (const link of batch.links) head = follow(head, link, signed)
  }
  const unseen = [...signed.values()].find(({ seq }) => seq > head.seq)
  if (unseen) throw damaged(chain, head.seq + 1, 'a signed head knows it, but it is missing')
  const heads = [...signed.values()].filter(({ seq }) => seq > start.seq)
  return { instance, chain, from: start.seq + 1, to: head.seq, heads }
}

function follow(head: ChainHead, link: Link, signed: ReadonlyMap<number, SignedHead>): ChainHead {
  const seq = head.seq + 1
  if (link.seq !== seq) throw damaged(head.chain, seq, `it is missing; the next is ${link.seq}`)
  const hash = hexOf(linkHash(head, seq, link.fields))
  if (hash !== link.hash) throw damaged(head.chain, seq, 'it or its predecessor was changed')
  const known = signed.get(seq)
  if (known && known.hash !== hash) throw damaged(head.chain, seq, 'its signed head has another hash')
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

// Rows that follow `head`, and the anchor at the same moment.
function* nextLinks(context: RowContext, head: ChainHead): Step<{ anchor: ChainHead; links: Link[] }> {
  const ends = chainEnds(context)
  const anchor = yield* ends.anchor(head.instance, head.chain)
  const [instance] = yield* ends.number({ uuid: head.instance })
  if (!instance) throw new Error(`expected a known instance, got ${head.instance}`)
  const range = {
    first: placeOf(instance.id, Math.max(head.seq, anchor.seq) + 1),
    last: spanOf(instance.id).last,
  }
  const links = yield* head.chain === 'audit' ? auditLinks(context, range) : issuanceLinks(context, range)
  return { anchor, links }
}

type Range = { first: number; last: number }

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
