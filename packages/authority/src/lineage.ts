import { type EventType, LanyardError } from '@lanyard/api'
import type { TokenCaller } from './caller.ts'
import type { CertificateState, LineageState } from './ports.ts'

/** A refusal whose event is recorded with it, in one transaction. */
export class RecordedRefusal extends LanyardError {}

/** What a request may become: the place of the new certificate in its lineage. */
export interface Place {
  readonly kind: 'place'
  readonly generation: number
  /** Serial of the certificate that renewed, null for the first. */
  readonly parent: string | null
}

/** A refusal that leaves a mark: the lineage freezes, or an event tells. It must commit although the caller is refused. */
export interface Refusal {
  readonly kind: 'refusal'
  readonly error: LanyardError
  readonly event: EventType
  readonly freeze: boolean
}

/**
 * Where a certificate for `key` (a thumbprint) stands that is asked for with the lineage's token. The first key claims
 * the token; the same key may come again, since a reply can be lost, until that key's certificate has renewed.
 */
export function placeByToken(lineage: LineageState, caller: TokenCaller, key: string): Place | Refusal {
  if (caller.jkt !== null && caller.jkt !== key) {
    return refusal('token_key_mismatch', 'this token is bound to another key', 'cert.refused')
  }
  if (lineage.generation === 0) return place(1, null)
  if (lineage.generation > 1) return spentToken(lineage, key)
  if (lineage.newestKey === key) return place(1, null)
  return refusal('token_reused', 'this token was claimed by another key', 'token.reused')
}

// The token's certificate has renewed already. Whoever asks with the token again is not its holder, who would renew.
function spentToken(lineage: LineageState, key: string): Refusal {
  if (lineage.newestKey === key) return refusal('key_reused', 'this key belongs to a later certificate', 'cert.refused')
  return refusal('token_reused', 'this token was claimed, and its certificate has renewed since', 'token.reused')
}

/**
 * Where a certificate for `key` stands that renews `parent`. Only the newest generation renews, with a new key. The
 * same parent with the same key again is a lost reply and stays in that generation; any other second child means that
 * two hold the parent's key, so the lineage freezes: who copied a certificate gains nothing and is noticed.
 */
export function placeByRenewal(lineage: LineageState, parent: CertificateState, key: string): Place | Refusal {
  if (key === parent.keyThumbprint) return refusal('key_reused', 'a renewal needs a new key', 'cert.refused')
  if (parent.generation === lineage.generation) return place(parent.generation + 1, parent.serial)
  const retry = parent.generation + 1 === lineage.generation && key === lineage.newestKey
  if (retry) return place(lineage.generation, parent.serial)
  return {
    kind: 'refusal',
    error: new RecordedRefusal(
      'lineage_forked',
      `certificate ${parent.serial} of generation ${parent.generation} was renewed before with another key; the newest generation is ${lineage.generation}`,
    ),
    event: 'lineage.forked',
    freeze: true,
  }
}

/**
 * Where a certificate for `key` stands that a node asks for without naming one that it follows: the first, or the next
 * where the node has lost what it held. It proved who it is, so nothing of the lineage need be shown; a copy of the node
 * is noticed when the other one renews.
 */
export function placeByNode(lineage: LineageState, key: string): Place {
  return place(lineage.newestKey === key ? lineage.generation : lineage.generation + 1, null)
}

const place = (generation: number, parent: string | null): Place => ({ kind: 'place', generation, parent })

const refusal = (
  code: 'token_key_mismatch' | 'token_reused' | 'key_reused',
  detail: string,
  event: EventType,
): Refusal => ({
  kind: 'refusal',
  error: new RecordedRefusal(code, detail),
  event,
  freeze: false,
})
