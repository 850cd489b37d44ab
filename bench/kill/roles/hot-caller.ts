import { contextOf, credentialsFor, type Source } from '../../../test/support/credential.ts'
import { pause } from '../clock.ts'
import { type Goal, Line } from '../line.ts'

export interface HotCallerOptions extends Source {
  readonly token: string
  readonly connections: number
}

export interface HotCallerRole {
  /** Calls as fast as the answers come, for so long; how many were answered. @throws Error when one was refused */
  saturate(goal: Goal, ms: number): Promise<number>
}

/** One agent that calls without a pause over a few kept-alive connections. */
export async function startHotCaller({ token, connections, ...source }: HotCallerOptions): Promise<HotCallerRole> {
  const [held] = await credentialsFor(source, [token])
  const context = contextOf(held!, source.rootPem)
  const lines = new Map<string, Set<Line>>()
  let answered = 0
  let going = false
  let failed: Error | null = null

  const open = (goal: Goal): Set<Line> => {
    const all = new Set<Line>()
    for (let each = 0; each < connections; each++) {
      const line: Line = new Line(goal, context, {
        onAnswer: ({ status, code }) => {
          answered += 1
          if (status !== 200) failed = new Error(`a call of the living was refused: ${code}`)
          if (going) line.call()
        },
        onEnd: () => all.delete(line),
      })
      all.add(line)
    }
    return all
  }

  return {
    async saturate(goal, ms) {
      const known = lines.get(`${goal.port}`)
      // An idle server closes them after its time.
      const all = known?.size === connections ? known : open(goal)
      lines.set(`${goal.port}`, all)
      answered = 0
      going = true
      for (const line of all) line.call()
      await pause(ms)
      going = false
      const count = answered
      while ([...all].some(line => line.busy)) await pause(1)
      if (failed) throw failed
      return count
    },
  }
}
