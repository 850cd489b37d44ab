import { encodeUtf8 } from '../bytes.ts'
import { ProtocolError } from '../errors.ts'
import { signCompact } from '../jose/jws.ts'
import type { Signer } from '../ports.ts'
import { IdTemplate } from '../spiffe/id-template.ts'
import type { Certificate } from '../x509/certificate.ts'
import { Fields, requireCount } from './fields.ts'
import type { Death, FeedLine, Rebirth } from './types.ts'

/** Keeps lines apart from every other token that we sign. */
export const FEED_LINE_TYP = 'lanyard-feed+jwt'
/** Longest line that is read, in bytes: more than the largest snapshot. */
export const MAX_FEED_LINE_BYTES = 1 << 24
/** Most deaths, and most rebirths, in one line. */
export const MAX_FEED_DEATHS = 200_000

/** What signs lines: a key by its id, and, where readers may not know it yet, its certificates, its own first. */
export interface FeedSigning {
  readonly kid: string
  readonly signer: Signer
  readonly x5c?: readonly Certificate[] | undefined
}

/**
 * The line as the feed carries it, a compact JWS without a newline.
 *
 * @throws ProtocolError `feed_line_invalid` for a line that no reader would take
 */
export async function signFeedLine(line: FeedLine, { kid, signer, x5c }: FeedSigning): Promise<string> {
  const payload = encodeFeedLine(line)
  parseFeedLine(payload)
  const chain = x5c === undefined ? {} : { x5c: x5c.map(({ der }) => der) }
  const token = await signCompact({ header: { kid, typ: FEED_LINE_TYP, ...chain }, payload }, signer)
  if (token.length > MAX_FEED_LINE_BYTES)
    throw new ProtocolError('feed_line_invalid', `expected at most ${MAX_FEED_LINE_BYTES} bytes, got ${token.length}`)
  return token
}

/** The payload of a line. */
export const encodeFeedLine = (line: FeedLine): Uint8Array => encodeUtf8(JSON.stringify(feedLineMembers(line)))

/** The members of the payload. */
export function feedLineMembers(line: FeedLine): Readonly<Record<string, unknown>> {
  return {
    kind: line.kind,
    feed_id: line.feedId,
    instance: line.instance,
    epoch: line.epoch,
    prev: line.prev,
    as_of: line.asOf,
    deaths: line.deaths.map(({ subject, through, until }) => [subject, through, until]),
    rebirths: line.rebirths.map(({ subject, incarnation }) => [subject, incarnation]),
    template: line.template,
  }
}

/**
 * A line from its payload, once its signature was proved.
 *
 * @throws ProtocolError `feed_line_invalid`
 */
export function parseFeedLine(payload: Uint8Array): FeedLine {
  const fields = Fields.parse(payload, 'feed_line_invalid', 3)
  fields.only('kind', 'feed_id', 'instance', 'epoch', 'prev', 'as_of', 'deaths', 'rebirths', 'template')
  const line: FeedLine = {
    kind: fields.oneOf('kind', ['snapshot', 'delta']),
    feedId: fields.label('feed_id'),
    instance: fields.label('instance'),
    epoch: fields.count('epoch'),
    prev: fields.count('prev'),
    asOf: fields.count('as_of'),
    deaths: fields.rows('deaths', MAX_FEED_DEATHS, readDeath),
    rebirths: fields.rows('rebirths', MAX_FEED_DEATHS, readRebirth),
    ...(fields.has('template') ? { template: fields.text('template', 2048) } : {}),
  }
  checkKind(line, fields)
  return line
}

function readDeath(subject: string, rest: readonly unknown[]): Death | null {
  const [through, until] = rest as [never, never]
  const incarnations = requireCount(through, 1)
  const end = until === null ? null : requireCount(until, 0)
  if (rest.length !== 2 || incarnations === null || (end === null && until !== null)) return null
  return { subject, through: incarnations, until: end }
}

function readRebirth(subject: string, rest: readonly unknown[]): Rebirth | null {
  const incarnation = requireCount(rest[0] as never, 1)
  return rest.length !== 1 || incarnation === null ? null : { subject, incarnation }
}

function checkKind({ kind, epoch, prev, deaths, rebirths, template }: FeedLine, fields: Fields): void {
  switch (kind) {
    case 'snapshot':
      if (prev !== 0) fields.fail('expected a snapshot to follow nothing')
      if (template === undefined) fields.fail('expected the template in a snapshot')
      requireTemplate(template, fields)
      return
    case 'delta':
      if (prev > epoch) fields.fail(`expected an epoch from ${prev} on, got ${epoch}`)
      // What is told came after prev: with an empty step it would belong to no epoch, and a reader would not know it has it.
      if (prev === epoch && deaths.length + rebirths.length > 0) fields.fail('expected no deaths in a heartbeat')
      if (template !== undefined) fields.fail('expected the template in snapshots alone')
      return
    default:
      throw unknownKind(kind)
  }
}

function requireTemplate(text: string, fields: Fields): void {
  try {
    IdTemplate.parse(text)
  } catch (error) {
    fields.fail(`expected a template: ${(error as Error).message}`)
  }
}

const unknownKind = (kind: never) => new ProtocolError('feed_line_invalid', `unknown kind ${String(kind)}`)
