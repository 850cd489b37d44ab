import { type Act, actorOf } from '../caller.ts'
import type { Rows, Step, Voucher } from '../ports.ts'

/** Settings of who vouches, as its events tell them. */
type Told = Readonly<Record<string, unknown>>

/** Says nothing of what is believed. */
const TELL_NOTHING: readonly string[] = ['id', 'tier']

/**
 * Writes down who answers for what a provider or an issuer is trusted with: whoever adds it or enables it again, for
 * all of that; whoever changes it, for what they changed. To forbid needs nobody who answers. A kill of that one takes
 * it along: who stole a credential would else stay by what they had believed.
 */
export function* answerFor(rows: Rows, voucher: Voucher, before: Told | null, after: Told, act: Act): Step<void> {
  const afresh = before === null || (before.enabled === false && after.enabled === true)
  const isNew = (name: string) => afresh || JSON.stringify(before[name]) !== JSON.stringify(after[name])
  const settings = Object.keys(after).filter(
    name => !TELL_NOTHING.includes(name) && after[name] !== false && isNew(name),
  )
  if (settings.length > 0) yield* rows.trust.answer(voucher, settings, actorOf(act.caller))
}
