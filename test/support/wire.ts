import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** A wire to a server at a Unix socket, as a program finds it at another one: it can be held or cut. */
export interface Wire {
  /** Nothing passes any more, and nobody is told: as a network that is gone. */
  hold(): void
  /** What waited passes, and all that follows. */
  heal(): void
  close(): Promise<void>
}

/** Lays a wire from `path` to the server at `goal`. */
export async function layWire(path: string, goal: string): Promise<Wire> {
  const ends = new Set<Socket>()
  let held = false
  const server = createServer(near => {
    const far = connect(goal)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      ends.add(from)
      from.on('data', chunk => to.write(chunk))
      from.on('error', () => {})
      // A close does not pass either while the wire is held: the other side learns of it when it is healed.
      from.on('close', () => {
        ends.delete(from)
        if (!held) to.destroy()
      })
      if (held) from.pause()
    }
  })
  server.listen(path)
  await once(server, 'listening')
  return {
    hold() {
      held = true
      for (const end of ends) end.pause()
    },
    heal() {
      held = false
      for (const end of ends) end.resume()
    },
    async close() {
      for (const end of ends) end.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
