import { isIP } from 'node:net'
import type { Caller, WorkloadCaller } from '@lanyard/authority'
import { timeContext } from '@lanyard/policy'

/** What is known of every call: where it came from, when (UTC), and by what kind of credential. */
export function contextOf(
  { kind }: Pick<Caller | WorkloadCaller, 'kind'>,
  { at, source }: { readonly at: number; readonly source: string | null },
): Readonly<Record<string, unknown>> {
  return {
    ...timeContext(at),
    credential: kind === 'workload' ? 'node-certificate' : kind,
    ...(source !== null && isIP(source) !== 0 ? { source } : {}),
  }
}
