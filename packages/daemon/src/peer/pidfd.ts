import { LanyardError } from '@lanyard/api'
import type { Answer } from './native.ts'

/** Kernels before 6.5 do not know the option; those before 5.3 do not know the call. Every other error is an error. */
const UNKNOWN_TO_KERNEL = new Set(['ENOPROTOOPT', 'ENOSYS'])
/** No such process any more: which of these it is depends on the kernel's version. */
const GONE = new Set(['ESRCH', 'EINVAL', 'ENODATA'])

/**
 * The descriptor of a process; null where the kernel knows none. Want of descriptors must not lead to the weaker way, or who
 * opens many connections could choose it. Throws `workload_gone`, `attestation_failed`.
 */
export function pidfdFrom(answer: Answer<number>): number | null {
  if (answer.ok) return answer.value
  if (UNKNOWN_TO_KERNEL.has(answer.name)) return null
  if (GONE.has(answer.name)) throw new LanyardError('workload_gone', 'the process has ended')
  throw new LanyardError('attestation_failed', `no descriptor of the process can be had: ${answer.name}`)
}
