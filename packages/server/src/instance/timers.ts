/** Ends what was begun. Calling it twice is no error. */
export type Stop = () => void

/** Things to do again and again. In tests, a clock that is turned by hand. */
export interface Timers {
  /**
   * Runs `task` every so many milliseconds, never twice at once: the next time counts from the end of the one before.
   * The task must not throw.
   */
  every(ms: number, task: () => Promise<void>): Stop
}

/**
 * Timers of the system. They ask the clock again at each turn and never wait long for a moment far away, so that a
 * laptop that slept, or a clock that was set, is noticed within one turn.
 */
export const systemTimers: Timers = {
  every(ms, task) {
    let stopped = false
    let timer: NodeJS.Timeout
    const turn = () => {
      timer = setTimeout(async () => {
        await task()
        if (!stopped) turn()
      }, ms)
      timer.unref()
    }
    turn()
    return () => {
      stopped = true
      clearTimeout(timer)
    }
  },
}
