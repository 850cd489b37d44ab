import { create } from '@bufbuild/protobuf'
import type { HandlerContext } from '@connectrpc/connect'
import { WITBundlesResponseSchema, type WITSVIDRequest, WITSVIDResponseSchema } from '../../gen/workload_pb.js'
import { callerOf } from '../grpc/caller.ts'
import { interleave } from '../grpc/interleave.ts'
import type { Bundles, HeldWit, Time, Workloads } from '../ports.ts'
import { byTrustDomain, keySetOf } from './bundles.ts'
import { uniqueHints } from './hints.ts'
import { requestedId } from './jwt.ts'
import { bundlesOf, changesOf } from './states.ts'

/** Never again sooner than this. */
const SHORTEST_WAIT_MS = 1000

/** The WIT-SVID profile. */
export const witProfile = (workloads: Workloads, time: Time) => ({
  fetchWITSVID: (request: WITSVIDRequest, context: HandlerContext) =>
    changesOf(WITSVIDResponseSchema, svidResponses(workloads, time, request, context)),
  fetchWITBundles: (_request: object, context: HandlerContext) =>
    changesOf(WITBundlesResponseSchema, bundleResponses(bundlesOf(workloads, callerOf(context), context.signal))),
})

/** New ones when half of the life is over, and at once when what the process may have has changed. */
async function* svidResponses(workloads: Workloads, time: Time, request: WITSVIDRequest, context: HandlerContext) {
  const caller = callerOf(context)
  const id = requestedId(request.spiffeId)
  const alarm = new Alarm(time)
  const changes = (signal: AbortSignal) => bundlesOf(workloads, caller, signal)
  try {
    for await (const _ of interleave(context.signal, changes, signal => alarm.rings(signal))) {
      const svids = await workloads.witSvids(caller, id)
      alarm.set(Math.max(SHORTEST_WAIT_MS, (soonest(svids) - time.now()) / 2))
      yield svidResponse(svids)
    }
  } finally {
    alarm.stop()
  }
}

const soonest = (svids: readonly HeldWit[]): number => Math.min(...svids.map(({ expiresAt }) => expiresAt))

function svidResponse(svids: readonly HeldWit[]) {
  const unique = uniqueHints()
  return create(WITSVIDResponseSchema, {
    svids: svids.map(({ id, token, keyJwk, hint }) => ({
      spiffeId: id.toString(),
      witSvid: token,
      witSvidKey: keyJwk,
      hint: unique(hint),
    })),
  })
}

async function* bundleResponses(states: AsyncIterable<Bundles>) {
  const write = (bundle: Bundles['own']) => keySetOf(bundle, 'wit-svid')
  for await (const bundles of states) yield create(WITBundlesResponseSchema, { bundles: byTrustDomain(bundles, write) })
}

/** One alarm that can be set again and again; the last time that was set counts. */
class Alarm {
  readonly #time: Time
  #cancel: () => void = () => {}
  #wake: () => void = () => {}
  #rung = false

  constructor(time: Time) {
    this.#time = time
  }

  set(ms: number): void {
    this.stop()
    this.#cancel = this.#time.after(ms, () => {
      this.#rung = true
      this.#wake()
    })
  }

  stop(): void {
    this.#cancel()
    this.#rung = false
  }

  async *rings(signal: AbortSignal): AsyncGenerator<void> {
    const rouse = () => this.#wake()
    signal.addEventListener('abort', rouse)
    try {
      for (;;) {
        signal.throwIfAborted()
        if (this.#rung) {
          this.#rung = false
          yield
        } else await new Promise<void>(resolve => (this.#wake = resolve))
      }
    } finally {
      signal.removeEventListener('abort', rouse)
    }
  }
}
