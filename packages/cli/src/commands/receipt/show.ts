import { PROTOCOL_CODES, type ProtocolCode, type Receipt, type ReceiptPoint } from '@lanyard/protocol'
import type { Outcome } from '../../command.ts'
import { brief, card, count, table, visible } from '../../layout.ts'
import type { Paint } from '../../paint.ts'
import { clock } from '../incident/show.ts'
import { nameOf } from '../kill/target.ts'
import type { Verdict } from './judge.ts'

/** Where the catalogue speaks of tokens and chains, a person has a file. */
const FILE_REMEDIES: Partial<Record<ProtocolCode, string>> = {
  chain_untrusted: 'Give the root certificate of the authority that signed it.',
  jws_malformed: 'Give the file as `lanyard receipt get` wrote it.',
  jws_signature_invalid: 'It is not what was signed: get it anew with `lanyard receipt get`.',
}

/** A verdict on a receipt, for programs and for people. */
export function showReceipt(verdict: Verdict): Outcome {
  if (!verdict.valid) {
    const { code, detail } = verdict
    const { title, remedy: usual } = PROTOCOL_CODES[code]
    const remedy = FILE_REMEDIES[code] ?? usual
    return {
      json: { valid: false, code, detail, receipt: null },
      text: paint =>
        `${paint.bad('not valid')} ${paint.strong(code)}: ${title}\n  ${visible(detail)}\n  ${paint.faint('do')} ${remedy}`,
      exit: 'refused',
    }
  }
  const { receipt, signer, signedAt, acks } = verdict.verified
  const signed = { signer: signer.toString(), signed_at: time(signedAt) }
  return {
    json: { valid: true, code: null, detail: null, ...signed, receipt: verdict.payload },
    text: paint =>
      [
        `${paint.good('valid')}: signed by ${visible(signer)} at ${signed.signed_at}, with ${count(acks.length, 'acknowledgement')}`,
        card(rowsOf(receipt), paint),
        receipt.points.length === 0 ? paint.faint('no enforcement point held a lease') : points(receipt, paint),
      ].join('\n\n'),
  }
}

const time = (ms: number): string => new Date(ms).toISOString()

function rowsOf(receipt: Receipt): [string, unknown][] {
  const { commit, target, scope, unguardedUntil } = receipt
  const bracket = `between ${time(commit.sent)} and ${brief(commit.acknowledged - commit.sent)} later`
  return [
    ['incident', receipt.incident],
    ['killed', target.kind === 'agent' ? `${nameOf(target)}, scope ${scope}` : nameOf(target)],
    ['reason', receipt.reason],
    ['by', receipt.openedBy],
    ['commit', `${bracket}, epoch ${receipt.epoch} of feed ${receipt.feedId}`],
    ['revoked', count(receipt.revoked, 'certificate')],
    ['cut', count(receipt.cut, 'connection')],
    ['last', receipt.lastAccept === null ? 'no accept known' : `accept ${afterCommit(receipt.lastAccept, receipt)}`],
    [
      'unguarded',
      unguardedUntil === null
        ? 'every certificate had ended'
        : `services without a guard: until ${time(unguardedUntil)}`,
    ],
  ]
}

/** From when the commit was known to be durable: before it nobody could know. */
function afterCommit(at: number | null, { commit }: Receipt): string | null {
  if (at === null) return null
  const span = at - commit.acknowledged
  return span < 0 ? `${brief(-span)} before the commit` : `${brief(span)} after the commit`
}

const points = (receipt: Receipt, paint: Paint): string =>
  table(
    ['POINT', 'OUTCOME', 'APPLIED', 'CLOCK', 'CUT', 'LAST ACCEPT'],
    receipt.points.map(one => [
      one.spiffeId ?? `${one.point} (of another tenant)`,
      outcomeOf(one),
      afterCommit(one.appliedAt, receipt),
      clock({ offset_ms: one.offsetMs, uncertainty_ms: one.uncertaintyMs }),
      one.cut,
      afterCommit(one.lastAccept, receipt),
    ]),
    paint,
  )

function outcomeOf({ outcome, failsClosedBy }: ReceiptPoint): string {
  switch (outcome) {
    case 'applied':
      return 'applied'
    case 'silent':
      return `silent, fails closed by ${failsClosedBy === null ? '?' : time(failsClosedBy)}`
    case 'best_effort':
      return 'best effort, unbounded'
    case 'killed':
      return 'killed itself'
  }
}
