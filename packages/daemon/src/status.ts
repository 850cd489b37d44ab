import type { DaemonStatus } from './admin/index.ts'
import type { Assembly } from './assembly.ts'

/** What the status tells beside what the parts know. */
export interface Told {
  readonly workloadApi: string
  /** Unix milliseconds. */
  readonly startedAt: number
  readonly version: string
  readonly url: string
}

/** How a daemon is at this moment. */
export function statusOf(
  { node, svids, workloads }: Assembly,
  { workloadApi, startedAt, version, url }: Told,
): DaemonStatus {
  const { name, spiffe_id, tenant, groups, not_after } = node.keeper.credential.reply
  const asOf = node.feed.follower.asOf
  return {
    version,
    started_at: isoTime(startedAt),
    trust_domain: node.keeper.credential.id.trustDomain.name,
    node: { name, spiffe_id, tenant, groups, not_after },
    authority: {
      url,
      connected: node.connected,
      code: node.connected ? null : (node.failure?.code ?? 'server_unreachable'),
      heard_at: node.heardAt === null ? null : isoTime(node.heardAt),
      feed_as_of: asOf === null ? null : isoTime(asOf),
    },
    workload_api: workloadApi,
    entries: node.catalogue.entries.size,
    subscribers: workloads.followers,
    svids: [...svids.slots].flatMap(({ svid, followers }) =>
      svid === null
        ? []
        : [
            {
              entry: svid.entry.id,
              spiffe_id: svid.id.toString(),
              not_after: isoTime(svid.notAfter * 1000),
              followers,
            },
          ],
    ),
  }
}

const isoTime = (at: number) => new Date(at).toISOString()
