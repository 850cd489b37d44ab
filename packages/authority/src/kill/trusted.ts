import { switchOffIssuer } from '../access/issuers.ts'
import type { Act } from '../caller.ts'
import { takeIdp } from '../federation/take.ts'
import type { Rows, Step, Voucher } from '../ports.ts'
import type { Toll } from './toll.ts'

/**
 * Switches off every identity provider and every issuer that is trusted by the word of one maker, be it for one setting
 * alone, within the tenant that the caller sees; what the providers vouched for ends. Whoever stole a credential would
 * else come again by a provider of their own, or by keys that they had put in for another's.
 */
export function* takeTrusted(rows: Rows, toll: Toll, maker: string, reason: string, act: Act): Step<void> {
  const { caller } = act
  const within = caller === 'server' ? null : caller.tenant
  const vouchers = (yield* rows.trust.by(maker)).filter(({ tenant }) => within === null || tenant === within)
  if (vouchers.length === 0) return
  const own = yield* stoodOn(rows, act)
  for (const voucher of vouchers) {
    const name = `${voucher.kind}:${voucher.id}`
    if (!own.has(name)) yield* take(rows, toll, voucher, reason, act)
    else if (!toll.spared.includes(name)) toll.spared.push(name)
  }
}

function* take(rows: Rows, toll: Toll, { kind, id, tenant }: Voucher, reason: string, act: Act): Step<void> {
  if (kind === 'issuer') {
    if (yield* switchOffIssuer(rows, id, reason, act)) toll.switchedOff.push(`issuer:${id}`)
  } else if (tenant !== null) yield* takeIdp(rows, toll, { id, tenant }, reason, act)
}

/** Who vouches for the one who acts: without these they would be locked out by the act. */
function* stoodOn(rows: Rows, { caller }: Act): Step<ReadonlySet<string>> {
  const names = new Set<string>()
  if (caller === 'server' || caller.kind !== 'principal') return names
  for (const { binding } of caller.grants) {
    const issuer = (yield* rows.bindings.find(binding))?.issuer
    if (issuer != null) names.add(`issuer:${issuer}`)
  }
  const lineage = caller.svid === null ? undefined : (yield* rows.lineages.subject(caller.svid.lineage))?.lineage
  if (lineage !== undefined) names.add(lineage.mintedBy)
  return names
}
