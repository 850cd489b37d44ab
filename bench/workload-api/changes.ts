import { percentile, type Row } from '../report.ts'
import { Following, has, type Stage } from './stage.ts'

const row = (name: string, ms: readonly number[]): Row => ({
  name,
  times: ms.length,
  p50_ms: percentile(ms, 0.5),
  p99_ms: percentile(ms, 0.99),
  max_ms: Math.max(...ms),
})

/** Time to the first SVID, on a connection of its own each time: of an entry that was never asked for, and again. */
export async function firstSvids(stage: Stage, times: number): Promise<Row[]> {
  const cold: number[] = []
  const warm: number[] = []
  for (let at = 0; at < times; at++) {
    const entry = await stage.register(await stage.agent())
    await known(stage)
    cold.push(await timed(() => fetchOnce(stage)))
    for (let again = 0; again < 5; again++) warm.push(await timed(() => fetchOnce(stage)))
    await stage.withdraw(entry)
    await unknown(stage)
  }
  return [row('first SVID, cold: made for this call', cold), row('first SVID, warm: held by the daemon', warm)]
}

// A call for bundles makes no SVID.
const known = (stage: Stage) => untilBundles(stage, true)
const unknown = (stage: Stage) => untilBundles(stage, false)

async function untilBundles(stage: Stage, wished: boolean): Promise<void> {
  for (;;) {
    const client = stage.client()
    const given = await client.fetchX509Bundles().then(
      () => true,
      () => false,
    )
    client.close()
    if (given === wished) return
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

async function fetchOnce(stage: Stage): Promise<void> {
  const client = stage.client()
  await client.fetchX509Context()
  client.close()
}

async function timed(act: () => Promise<void>): Promise<number> {
  const began = performance.now()
  await act()
  return performance.now() - began
}

/** From the call that registers, deletes, kills to the message on an open stream, which another identity keeps open. */
export async function changes(stage: Stage, times: number): Promise<Row[]> {
  const anchor = await stage.agent()
  const kept = await stage.register(anchor)
  const following = new Following(stage.client())
  await following.until(has(anchor))
  const came: number[] = []
  const left: number[] = []
  const killed: number[] = []
  const heard: number[] = []
  for (let at = 0; at < times; at++) {
    const agent = await stage.agent()
    const isThere = has(agent)
    const isGone = (ids: readonly string[]) => !isThere(ids)
    let began = performance.now()
    const entry = await stage.register(agent)
    came.push((await following.until(isThere)) - began)
    began = performance.now()
    if (at % 2 === 0) {
      await stage.withdraw(entry)
      left.push((await following.until(isGone)) - began)
      continue
    }
    const gone = following.until(isGone)
    await stage.up.call('POST', `/v1/agents/acme/${agent}/kill`, { reason: 'bench' })
    const told = performance.now()
    const at2 = await gone
    killed.push(at2 - began)
    heard.push(Math.max(0, at2 - told))
    await stage.withdraw(entry)
  }
  following.close()
  await stage.withdraw(kept)
  await unknown(stage)
  return [
    row('entry → workload: call to register → message with its SVID', came),
    row('entry deleted → message without it', left),
    row('kill → withdrawal: call to kill → message without it', killed),
    row('the same from the answer to the kill (0: the message came before it)', heard),
  ]
}
