import { type Caller, refusedAs } from '@lanyard/authority'

/** Judges what a caller may do. What a principal is refused is told: it is known who tried. */
export async function judged<T>(caller: Caller, tell: (error: unknown) => Promise<void>, judge: () => T): Promise<T> {
  try {
    return judge()
  } catch (error) {
    await tell(asKnown(error, caller))
    throw error
  }
}

/** The refusal, as one of this caller; of others as it is: an API key without a permission is an everyday mistake. */
function asKnown(error: unknown, caller: Caller): unknown {
  if (caller.kind !== 'principal' || typeof error !== 'object' || error === null) return error
  const agent = { tenant: caller.tenant || null, agent: null }
  return refusedAs(error, { agent, actor: `principal:${caller.id}`, type: 'access.refused' })
}
