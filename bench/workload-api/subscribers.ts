import type { WorkloadApiClient } from '@lanyard/sdk'
import type { Row } from '../report.ts'
import type { Stage } from './stage.ts'

/** Seconds between renewals of a life of 300. */
const RENEWS_EVERY_SEC = 150

/** Many subscribers of one daemon: what they cost while nothing happens, and each time that their SVID is renewed. */
export async function subscribers(stage: Stage, count: number, seconds: number): Promise<Row[]> {
  const entry = await stage.register(await stage.agent())
  const before = stage.usage()
  const all: WorkloadApiClient[] = []
  let messages = 0
  let wake = () => {}
  const untilHeard = async (wished: number) => {
    while (messages < wished) await new Promise<void>(resolve => (wake = resolve))
  }
  const began = performance.now()
  for (let at = 0; at < count; at++) {
    const client = stage.client()
    all.push(client)
    client.watchX509Context({
      onState: () => {
        messages++
        wake()
      },
      onFailed: error => console.log(`a subscriber: ${error.code}`),
    })
  }
  await untilHeard(count)
  const opened = performance.now() - began
  const open = stage.usage()
  await pause(seconds)
  const idle = stage.usage()
  const renewals = await renewAll(stage, entry, count, n => untilHeard(n), messages)
  const after = stage.usage()
  for (const client of all) client.close()
  await stage.withdraw(entry)
  const perRenewal = (after.cpuSec - idle.cpuSec) / renewals.length
  return [
    {
      name: `${count} subscribers at five-minute lives`,
      mb_before: before.mb,
      mb: after.mb,
      all_served_ms: opened,
      cpu_ms_per_subscriber_to_open: ((open.cpuSec - before.cpuSec) / count) * 1000,
      idle_cpu_share: (idle.cpuSec - open.cpuSec) / seconds,
      cpu_ms_per_renewal_of_all: perRenewal * 1000,
      last_heard_of_renewal_ms: Math.max(...renewals),
      cpu_share_at_their_pace: (idle.cpuSec - open.cpuSec) / seconds + perRenewal / RENEWS_EVERY_SEC,
    },
  ]
}

/** Renews what all follow, some times; milliseconds from the cause to the last subscriber. */
async function renewAll(
  stage: Stage,
  entry: string,
  count: number,
  untilHeard: (messages: number) => Promise<void>,
  heard: number,
): Promise<number[]> {
  const times: number[] = []
  for (const [turn, x509_ttl_sec] of [240, 300, 240, 300, 240].entries()) {
    const began = performance.now()
    await stage.up.call('PATCH', `/v1/entries/${entry}`, { x509_ttl_sec })
    await untilHeard(heard + count * (turn + 1))
    times.push(performance.now() - began)
  }
  return times
}

const pause = (seconds: number) => new Promise(resolve => setTimeout(resolve, seconds * 1000))
