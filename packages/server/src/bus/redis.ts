import { LanyardError } from '@lanyard/api'
import { createClient } from '@redis/client'
import type { Log } from '../http/ports.ts'
import { type Bus, Listeners, readEpoch } from './bus.ts'
import { Reachability } from './reachability.ts'

/** Where all instances of all trust domains that share a Redis tell each other: `<trust domain> <epoch>`. */
export const REDIS_CHANNEL = 'lanyard:kill-switch'

const LAST_WAIT_MS = 2000
/** How often it is asked whether a connection still stands, and after how much silence it does not. */
const ASK_MS = 2000
const SILENCE_MS = 5000

export interface RedisBusOptions {
  /** `redis://…`; it may hold a password, so it is never told. */
  readonly url: string
  readonly trustDomain: string
  readonly log: Log
}

/**
 * A bus of Redis. It need not be there: what cannot be told is not kept, since a look at the database finds it sooner.
 * Throws `config_invalid`.
 */
export function redisBus({ url, trustDomain, log }: RedisBusOptions): Bus {
  const listeners = new Listeners()
  const reach = new Reachability('Redis', log)
  const teller = clientOf(url)
  // On a connection that listens nothing else can be said.
  const hearer = clientOf(url)
  for (const client of [teller, hearer]) {
    client.on('error', error => reach.lost(error))
    // Kept until it is there, or closed.
    client.connect().catch(() => {})
  }
  hearer.on('ready', () => reach.found())
  // The client's own timer for this would outlive a client that is closed while it connects.
  const asking = setInterval(() => {
    for (const client of [teller, hearer]) if (client.isReady) client.ping().catch(() => {})
  }, ASK_MS).unref()
  const hear = (message: string) => {
    const [domain, epoch] = message.split(' ')
    const told = domain === trustDomain ? readEpoch(epoch ?? '') : null
    if (told !== null) listeners.tell(told)
  }
  hearer.subscribe(REDIS_CHANNEL, hear).catch(() => {})
  return {
    async publish(epoch) {
      if (!teller.isReady) return
      try {
        await teller.publish(REDIS_CHANNEL, `${trustDomain} ${epoch}`)
      } catch (error) {
        reach.lost(error)
      }
    },
    subscribe: listener => listeners.add(listener),
    async close() {
      clearInterval(asking)
      teller.destroy()
      hearer.destroy()
    },
  }
}

function clientOf(url: string) {
  try {
    const client = createClient({
      url,
      disableClientInfo: true,
      commandsQueueMaxLength: 100,
      socket: {
        connectTimeout: ASK_MS,
        socketTimeout: SILENCE_MS,
        reconnectStrategy: retries =>
          Math.min(50 * 2 ** Math.min(retries, 10), LAST_WAIT_MS) * (0.5 + Math.random() / 2),
      },
    })
    return client
  } catch {
    // Not the cause: it could quote the URL, and that may hold a password.
    throw new LanyardError('config_invalid', 'redis: expected redis://USER:PASSWORD@HOST:PORT or rediss://…')
  }
}
