import { join } from 'node:path'
import type { Clock } from '@lanyard/authority'
import { nodeCrypto } from '@lanyard/protocol/node'
import { openBus } from '../bus/index.ts'
import type { ServerConfig } from '../config.ts'
import { EpochMark } from '../feed/epoch-mark.ts'
import { RunningFeed } from '../feed/feed.ts'
import type { Log } from '../http/ports.ts'
import { RunningNodeNews } from '../node-news/news.ts'
import { RunningPolicies } from '../policy/desk.ts'
import type { Authorities } from './authorities.ts'
import type { Data } from './open-data.ts'
import { STORE_FILE } from './place.ts'
import { Presence } from './presence.ts'
import type { Timers } from './timers.ts'

export interface OpenFeed {
  readonly feed: RunningFeed
  readonly presence: Presence
  readonly nodeNews: RunningNodeNews
  readonly policies: RunningPolicies
}

/**
 * The feed of this instance, what it tells nodes of their entries, and the policies in force; all end when the instance
 * is put out of service. Throws `instance_evicted`.
 */
export async function openFeed(
  data: Data,
  authorities: Authorities,
  config: ServerConfig,
  { clock, timers, log }: { readonly clock: Clock; readonly timers: Timers; readonly log: Log },
): Promise<OpenFeed> {
  const { store, watch, rows, instance, idTemplate } = data
  const presence = new Presence({ store, rows, instance, clock, log })
  await presence.begin()
  const bus = openBus({ trustDomain: data.trustDomain, postgres: config.store, redis: config.redis, log })
  const both = { store, watch, rows, clock, timers, log, bus, crypto: nodeCrypto, pollMs: config.feed.poll_ms }
  const feed = await RunningFeed.start({
    ...both,
    instance,
    template: `${idTemplate}`,
    signer: () => authorities.feedSigner(),
    ...(config.store === null ? { mark: new EpochMark(join(config.data, STORE_FILE)) } : {}),
    heartbeatMs: config.feed.heartbeat_ms,
  })
  const lookAgain = () => presence.look().catch(error => log.warn({ err: error }, 'the own standing cannot be read'))
  feed.onDeaths(() => void lookAgain())
  const nodeNews = await RunningNodeNews.start({ ...both, authorities, feed, epoch: () => feed.stats.epoch })
  const policies = await RunningPolicies.start({
    ...both,
    epoch: () => feed.stats.epoch,
    timeoutMs: config.policy.timeout_ms,
    suspended: config.policy.suspended,
  })
  presence.onEvicted(() => {
    policies.stop()
    nodeNews.stop()
    void feed.stop()
  })
  return { feed, presence, nodeNews, policies }
}
