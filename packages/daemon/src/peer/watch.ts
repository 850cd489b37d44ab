import { endedOf } from './native.ts'

/** How often ended processes are looked for, in milliseconds. */
export const WATCH_MS = 50

/** One who waits for the end of a process. */
export interface Watched {
  /** Null: this kernel gives none. */
  readonly pidfd: number | null
  /** Looks by another way, where there is no descriptor; null: it cannot be told at present. */
  hasEnded(): boolean | null
  /** Called in the turn in which the end was seen. */
  ended(): void
}

const watched = new Set<Watched>()
let timer: NodeJS.Timeout | undefined

/** One system call for all of them: a thousand streams cost no more than one. */
function look(): void {
  const all = [...watched]
  const withPidfd = all.filter(one => one.pidfd !== null)
  const gone = endedOf(withPidfd.map(one => one.pidfd!))
  for (const [i, one] of withPidfd.entries()) if (gone?.[i]) one.ended()
  for (const one of all) if (one.pidfd === null && one.hasEnded()) one.ended()
}

/** Begins to look whether it has ended; the same again changes nothing. */
export function watch(one: Watched): void {
  watched.add(one)
  timer ??= setInterval(look, WATCH_MS).unref()
}

export function unwatch(one: Watched): void {
  watched.delete(one)
  if (watched.size > 0 || !timer) return
  clearInterval(timer)
  timer = undefined
}
