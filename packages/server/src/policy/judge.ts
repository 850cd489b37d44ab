import type { JudgedCall } from '../http/mount.ts'
import type { HandlerPorts } from '../http/ports.ts'

type Ports = Pick<HandlerPorts, 'store' | 'rows' | 'clock' | 'policies'>

/** Asks the policies about each call that is not public, after the roles. */
export function createJudge({ policies }: Ports): (call: JudgedCall) => Promise<void> {
  return async ({ tenant }) => {
    if (!policies.asks(tenant ?? null)) return
  }
}
