import { LanyardError } from '@lanyard/api'
import {
  type CredentialTarget,
  exclusive,
  type Locks,
  type ManagerCaller,
  type Step,
  type Target,
} from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'
import { exclusiveWithin } from './call.ts'

type Ports = Pick<HandlerPorts, 'store' | 'rows'>

/** Locks of a revocation: the tenant's, which a serial tells first. Throws `not_found`. */
export function locksOfRevocation(ports: Ports, target: Target, caller: ManagerCaller): Promise<Locks> {
  if ('serial' in target) return locksOfCredential(ports, { kind: 'serial', value: target.serial }, caller)
  return Promise.resolve(exclusive(target.tenant))
}

/**
 * Locks of what one credential stands for: the tenant of a certificate or a lineage, which never changes; of keys and
 * minting credentials all that the caller may see. Throws `not_found`.
 */
export async function locksOfCredential(
  { store, rows }: Ports,
  { kind, value }: CredentialTarget,
  caller: ManagerCaller,
): Promise<Locks> {
  if (kind === 'key' || kind === 'minted_by' || caller.tenant !== null) return exclusiveWithin(caller)
  const tenant = await store.read(() => tenantOf(rows, kind, value))
  if (tenant === undefined) throw new LanyardError('not_found', `there is no such ${kind}`)
  return exclusive(tenant)
}

function* tenantOf(rows: Ports['rows'], kind: 'serial' | 'lineage', value: string): Step<string | undefined> {
  if (kind === 'serial') return (yield* rows.certificates.findBySerial(value, null))?.tenant
  return (yield* rows.lineages.subject(value))?.tenant.tenant
}
