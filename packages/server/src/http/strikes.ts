import { BoundedMap } from '@lanyard/protocol'

/** Offences after which a network waits outside, and for how long. */
const ALLOWED = 3
const OUTSIDE_MS = 60_000
/** Networks remembered; the one that offended longest ago is forgotten first. */
const REMEMBERED = 10_000

interface Offences {
  count: number
  since: number
}

/**
 * Networks that send handshakes which no honest client sends. A client's chain is verified inside OpenSSL before any of
 * our code sees it: 70 certificates with 3,072-bit exponents, 92 kB in all, hold the whole process for 0.4 s (tried), and Node has no setting
 * against it. So the handshake that did it is recognised afterwards, and its sender gets three a minute.
 */
export class Strikes {
  readonly #now: () => number
  readonly #records = new BoundedMap<string, Offences>(REMEMBERED)

  constructor(now: () => number) {
    this.#now = now
  }

  /** Notes an offence. */
  add(network: string): void {
    const now = this.#now()
    const before = this.#records.get(network)
    const fresh = before === undefined || now - before.since >= OUTSIDE_MS
    this.#records.set(network, { count: fresh ? 1 : before.count + 1, since: now })
  }

  /** Whether connections from there are refused at this moment. */
  refuses(network: string): boolean {
    const record = this.#records.get(network)
    return record !== undefined && record.count >= ALLOWED && this.#now() - record.since < OUTSIDE_MS
  }
}

/** The part of a remote address that one owner has as a rule: all of IPv4, the first 64 bits of IPv6. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('%')[0]!.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0')
  return `${[...before, ...(tail === undefined ? [] : zeros), ...after].slice(0, 4).join(':')}::`
}
