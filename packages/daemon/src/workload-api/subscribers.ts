import type { Meter, Workloads } from '../ports.ts'

/** The same workloads; how many streams follow them can be read from the metrics. */
export function countSubscribers(workloads: Workloads, meter: Meter): Workloads {
  let open = 0
  meter.gauge('subscribers', () => open)
  const counted = (stop: () => void): (() => void) => {
    open++
    let following = true
    return () => {
      if (following) open--
      following = false
      stop()
    }
  }
  return {
    follow: (process, listener, ended) => counted(workloads.follow(process, listener, ended)),
    followBundles: (process, listener, ended) => counted(workloads.followBundles(process, listener, ended)),
    jwtSvids: (process, audience, id) => workloads.jwtSvids(process, audience, id),
    witSvids: (process, id) => workloads.witSvids(process, id),
    bundlesFor: (process, id) => workloads.bundlesFor(process, id),
  }
}
