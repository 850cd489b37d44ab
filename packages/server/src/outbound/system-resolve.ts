import { lookup, Resolver } from 'node:dns/promises'
import type { Resolve } from './ports.ts'

/** One question to the name servers of the system, and one to the system as a whole. */
export interface NameServices {
  resolve4(host: string): Promise<readonly string[]>
  resolve6(host: string): Promise<readonly string[]>
  /** With its hosts file and search domains; holds one of few threads until it ends. */
  system(host: string): Promise<readonly string[]>
}

/** What says that the name servers have nothing, or are not there: nobody from outside makes these slow. */
const NOTHING: readonly unknown[] = ['ENOTFOUND', 'ENODATA', 'ECONNREFUSED', 'EBADNAME']

/**
 * Addresses of names that strangers choose. The system's own look-up waits on a thread, of which the whole process has
 * four: a name server that never answers could take them all, and with them the look-ups of everybody else. So name
 * servers are asked without a thread first, and the system only about what they do not know: names of the hosts file
 * and of search domains. A name without a dot is nobody's outside, and goes to the system at once.
 */
export function resolveBy({ resolve4, resolve6, system }: NameServices): Resolve {
  return async host => {
    if (!host.includes('.')) return await system(host)
    const answers = await Promise.allSettled([resolve4(host), resolve6(host)])
    const addresses = answers.flatMap(answer => (answer.status === 'fulfilled' ? answer.value : []))
    if (addresses.length > 0) return addresses
    const slow = answers.find(answer => answer.status === 'rejected' && !NOTHING.includes(answer.reason?.code))
    if (slow?.status === 'rejected') throw slow.reason
    return await system(host)
  }
}

export const systemResolve: Resolve = host => {
  // A new one each time: it reads once which name servers the system has.
  const resolver = new Resolver({ timeout: 2000, tries: 2 })
  return resolveBy({
    resolve4: name => resolver.resolve4(name),
    resolve6: name => resolver.resolve6(name),
    system: async name => (await lookup(name, { all: true })).map(({ address }) => address),
  })(host)
}
