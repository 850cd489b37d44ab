import type { Clock } from '@lanyard/authority'
import type { ServerMeters } from './server-meters.ts'

export interface Watched {
  readonly feed: {
    readonly stats: {
      readonly readers: number
      readonly lines: number
      readonly signatures: number
      readonly lost: number
      readonly epoch: number
      readonly asOf: number | null
    }
  }
  readonly incidents: { readonly open: number }
  readonly clock: Clock
}

/** What the parts of an instance tell of themselves when somebody reads. */
export function watchInstance(meters: ServerMeters, { feed, incidents, clock }: Watched): void {
  meters.gauge('epoch', () => feed.stats.epoch)
  meters.gauge('feed_age_seconds', () => {
    const { asOf } = feed.stats
    return asOf === null ? Number.NaN : Math.max(0, clock.now() - asOf) / 1000
  })
  meters.gauge('feed_readers', () => feed.stats.readers)
  meters.gauge('feed_lines', () => feed.stats.lines)
  meters.gauge('feed_signatures', () => feed.stats.signatures)
  meters.gauge('feed_lost', () => feed.stats.lost)
  meters.gauge('incidents_open', () => incidents.open)
}
