import type { EventEmitter } from 'node:events'

/** Ctrl-C reaches the launcher and this process, and the launcher passes it on: within this time two are one. */
const PASSED_ON_WITHIN_MS = 2000

/** Aborted by the first SIGINT or SIGTERM; another one means at once. `later`: calls back once nothing is passed on any more. */
export function stopSignal(
  signals: Pick<EventEmitter, 'on'>,
  atOnce: () => void,
  later: (over: () => void) => void = afterAWhile,
): AbortSignal {
  const stopping = new AbortController()
  let came = 0
  let isOver = false
  const stop = () => {
    came++
    if (came > 2 || isOver) return atOnce()
    if (came === 2) return
    later(() => {
      isOver = true
    })
    stopping.abort()
  }
  for (const signal of ['SIGINT', 'SIGTERM']) signals.on(signal, stop)
  return stopping.signal
}

/** Whoever is busy with closing hears of a signal late: what came in time is told between a timer and an immediate. */
const afterAWhile = (over: () => void) => void setTimeout(() => setImmediate(over), PASSED_ON_WITHIN_MS).unref()
