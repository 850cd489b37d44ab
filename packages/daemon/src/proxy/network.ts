import { readlinkSync } from 'node:fs'
import type { HeldProcess } from '../ports.ts'
import { refused } from './request.ts'

/** Ports that a user may not listen on; whoever runs as root must not do it for them (ip(7)). */
const LEAST_PORT = 1024

/**
 * Only for processes of the daemon's own network: from within a container the daemon would be a way out of it, to the
 * loopback of the machine too.
 *
 * @throws IdentityError `workload_api_refused`
 */
export function requireOwnNetwork({ pid }: HeldProcess): void {
  if (networkOf(String(pid)) !== networkOf('self'))
    throw refused('the daemon makes connections for processes of its own network namespace alone')
}

/** @throws IdentityError `workload_api_refused` */
export function requireOpenPort(port: number): void {
  if (port !== 0 && port < LEAST_PORT) throw refused(`expected 0 or a port from ${LEAST_PORT}, got ${port}`)
}

function networkOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`)
  } catch {
    return `unknown to ${pid}`
  }
}
