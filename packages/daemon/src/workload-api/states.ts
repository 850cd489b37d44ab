import { createHash } from 'node:crypto'
import { type DescMessage, type MessageShape, toBinary } from '@bufbuild/protobuf'
import { LanyardError } from '@lanyard/api'
import { deniedError, unavailableError } from '../grpc/refusal.ts'
import type { Bundles, BundlesState, HeldProcess, HeldSvid, WorkloadState, Workloads } from '../ports.ts'

/** Tells `listener` each state and `ended` of the end; gives what stops that. */
type Follow<S> = (listener: (state: S) => void, ended: () => void) => () => void

/** What a workload has: the good state of those that there are. */
export interface Identities {
  readonly svids: readonly HeldSvid[]
  readonly bundles: Bundles
}

/**
 * The X.509 identities of a process, newest first and only the newest: who reads slowly misses what came between.
 *
 * @throws ConnectError PermissionDenied when it has none or has ended, Unavailable
 */
export function identitiesOf(
  workloads: Workloads,
  caller: HeldProcess,
  signal: AbortSignal,
): AsyncGenerator<Identities> {
  return each(
    (listener, ended) => workloads.follow(caller, listener, ended),
    (state: WorkloadState) => {
      const { svids, bundles } = must(state, 'identities')
      // An empty response would break a promise of the standard: one or more of them.
      if (svids.length === 0) throw deniedError('no_identity', 'no identity issued')
      return { svids, bundles }
    },
    caller,
    signal,
  )
}

/** The bundles for a process, as {@link identitiesOf}. */
export function bundlesOf(workloads: Workloads, caller: HeldProcess, signal: AbortSignal): AsyncGenerator<Bundles> {
  return each(
    (listener, ended) => workloads.followBundles(caller, listener, ended),
    (state: BundlesState) => must(state, 'bundles').bundles,
    caller,
    signal,
  )
}

type AnyState = BundlesState | WorkloadState

function must<K extends AnyState['kind']>(state: AnyState, kind: K): Extract<AnyState, { kind: K }> {
  if (state.kind === 'refused') throw deniedError(state.code, state.detail)
  if (state.kind === 'unavailable') throw unavailableError(state.code, state.detail)
  if (state.kind !== kind) throw new TypeError(`expected a state of ${kind}, got ${state.kind}`)
  return state as Extract<AnyState, { kind: K }>
}

async function* each<S, T>(
  follow: Follow<S>,
  read: (state: S) => T,
  caller: HeldProcess,
  signal: AbortSignal,
): AsyncGenerator<T> {
  const newest: { state?: S; ended: boolean } = { ended: false }
  let wake = () => {}
  const rouse = () => wake()
  const tell = (state: S) => {
    newest.state = state
    wake()
  }
  const stop = follow(tell, () => {
    newest.ended = true
    wake()
  })
  signal.addEventListener('abort', rouse)
  try {
    for (;;) {
      signal.throwIfAborted()
      // Asked before each message: the number of a process that ended may be another's by now.
      if (newest.ended || !caller.isAlive())
        throw new LanyardError('workload_gone', 'the process that connected has ended')
      const { state } = newest
      delete newest.state
      if (state !== undefined) yield read(state)
      else await new Promise<void>(resolve => (wake = resolve))
    }
  } finally {
    signal.removeEventListener('abort', rouse)
    stop()
  }
}

/** Leaves out messages that say the same as the one before: every message makes clients reload. */
export async function* changesOf<D extends DescMessage>(
  schema: D,
  messages: AsyncIterable<MessageShape<D>>,
): AsyncGenerator<MessageShape<D>> {
  let before = ''
  for await (const message of messages) {
    // Only a digest is kept: messages hold private keys.
    const digest = createHash('sha256').update(toBinary(schema, message)).digest('base64')
    if (digest !== before) yield message
    before = digest
  }
}
