import { type Act, actorOf } from '../caller.ts'
import type { Rows, Step, Voucher } from '../ports.ts'

/** Settings of who vouches, as its events tell them. */
type Told = Readonly<Record<string, unknown>>

/** Says nothing of what is believed. */
const TELL_NOTHING: readonly string[] = ['id', 'tier']

/** How somebody found it, and who had changed it last. */
interface Found {
  readonly told: Told
  readonly updatedBy: string
}

/**
 * Writes down who answers for what a provider or an issuer is trusted with: whoever adds it, or switches it off and on
 * again, for all of that; whoever changes it, for what they changed. To forbid needs nobody who answers. A kill of that
 * one takes it along: who stole a credential would else stay by what they had believed. Who switches on what somebody
 * else switched off has looked at nothing: a thief who had put their keys in would only have to cause an outage.
 */
export function* answerFor(rows: Rows, voucher: Voucher, before: Found | null, after: Told, act: Act): Step<void> {
  const maker = actorOf(act.caller)
  const isBack = before?.told.enabled === false && after.enabled === true && before.updatedBy === maker
  const isNew = (name: string) => before === null || isBack || canonical(before.told[name]) !== canonical(after[name])
  const settings = Object.keys(after).filter(
    name => !TELL_NOTHING.includes(name) && after[name] !== false && isNew(name),
  )
  if (settings.length > 0) yield* rows.trust.answer(voucher, settings, maker)
}

/** The same text for objects that hold the same, in whatever order. */
const canonical = (value: unknown): string | undefined =>
  JSON.stringify(value, (_, part) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  )
