import { hostname } from 'node:os'
import process from 'node:process'
import { Link } from '../client/link.ts'
import type { Ask } from '../client/services.ts'
import { IdentityError } from '../errors.ts'
import { livenessOf } from '../feed/options.ts'
import type { CommonOptions } from '../identity/options.ts'
import { type Guard, NoGuard } from './guard.ts'
import { LiveGuard, type LiveGuardPorts } from './live-guard.ts'

export type GuardPorts = Omit<LiveGuardPorts, 'url' | 'liveness'> & { readonly unguarded: () => void }

/** The guard that an identity is to have: one that follows the feed, unless there is none, or by choice. */
export function guardFor(authority: URL | null, { liveness }: CommonOptions, ports: GuardPorts): Guard {
  if (liveness === false) return new NoGuard('off', () => {})
  const options = livenessOf(liveness ?? {}, `${hostname()}/${process.pid}`)
  if (authority === null) return new NoGuard('unguarded', ports.unguarded)
  return new LiveGuard({ ...ports, url: authority, liveness: options })
}

/** Asks the authority over the guard's connection, or over one of its own where there is none. */
export function askWith(guard: Guard, authority: URL | null, { svid, time }: Pick<GuardPorts, 'svid' | 'time'>): Ask {
  return async (method, path, body, patience = { hold: true }) => {
    if (authority === null)
      throw new IdentityError('authority_unknown', 'the identity was not told where its authority is')
    const shared = guard.link
    if (shared !== null) return await shared.call(method, path, body, patience)
    const link = await Link.open({ url: authority, svid: svid(), time })
    try {
      return await link.call(method, path, body, patience)
    } finally {
      link.close()
    }
  }
}
