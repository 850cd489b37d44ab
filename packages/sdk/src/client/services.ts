import { asIdentityError, type IdentityError } from '../errors.ts'
import { pause, type TimeSource } from '../time.ts'

/** How long an answer may take, in milliseconds; only with `hold` the process is kept alive for it. */
export interface Patience {
  readonly hold?: boolean
  readonly timeoutMs?: number
  /** Asks no more. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Asks the authority, with the own certificate; the process is kept alive for it where nothing else is said. Throws
 * IdentityError.
 */
export type Ask = (
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: object,
  patience?: Patience,
) => Promise<unknown>

export interface AnnouncementPorts {
  readonly url: string
  readonly ask: Ask
  readonly time: TimeSource
  readonly failed: (error: IdentityError) => void
}

const AGAIN_MS = 5_000
const LONGEST_MS = 3_600_000
const WITHDRAW_MS = 1_000

/** Says where the own agent serves, and goes on saying it until it is withdrawn. */
export class Announcement {
  readonly #ports: AnnouncementPorts
  #cancel = () => {}
  #withdrawn = false
  #told = false

  constructor(ports: AnnouncementPorts) {
    this.#ports = ports
    void this.#announce()
  }

  /** Never throws, and takes no time: what could not be withdrawn runs out. */
  async withdraw(): Promise<void> {
    if (this.#withdrawn) return
    this.#withdrawn = true
    this.#cancel()
    const { ask, url, time } = this.#ports
    if (!this.#told) return
    const told = ask('DELETE', `/v1/services?url=${encodeURIComponent(url)}`).catch(() => {})
    await Promise.race([told, pause(time, WITHDRAW_MS)])
  }

  async #announce(): Promise<void> {
    const { ask, url, time, failed } = this.#ports
    let wait = AGAIN_MS
    try {
      const reply = (await ask('POST', '/v1/services', { url })) as { renew_after_ms?: unknown } | undefined
      this.#told = true
      wait = Math.min(Math.max(AGAIN_MS, Number(reply?.renew_after_ms) || AGAIN_MS), LONGEST_MS)
    } catch (error) {
      if (!this.#withdrawn) failed(asIdentityError(error))
    }
    if (!this.#withdrawn) this.#cancel = time.after(wait, () => void this.#announce())
  }
}

/** Where an agent serves: URLs, the newest announcement first. Throws IdentityError. */
export async function findServices(spiffeId: string, ask: Ask): Promise<string[]> {
  const reply = (await ask('GET', `/v1/services?spiffe_id=${encodeURIComponent(spiffeId)}`)) as { items?: unknown }
  const items = Array.isArray(reply?.items)
    ? (reply.items as { spiffe_id?: unknown; url?: unknown; since?: unknown }[])
    : []
  return items
    .filter(({ spiffe_id: id, url }) => id === spiffeId && typeof url === 'string' && url.startsWith('https:'))
    .sort((a, b) => String(b.since).localeCompare(String(a.since)))
    .map(({ url }) => url as string)
}
