import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A container as `docker inspect` shows it, as far as somebody asked for it. */
export interface FakeContainer {
  readonly id: string
  readonly name?: string
  readonly pid: number
  readonly running?: boolean
  readonly labels?: Readonly<Record<string, string>> | null
  readonly env?: readonly string[] | null
  readonly image?: string
  readonly digests?: readonly string[]
}

/** Speaks the Docker Engine API over a Unix socket, for containers that a test makes up. */
export interface FakeEngine extends AsyncDisposable {
  readonly socket: string
  /** Paths that were asked for. */
  readonly asked: string[]
  readonly containers: Map<string, FakeContainer>
  /** Answers in its own way instead; null: as Docker does. */
  answer: ((path: string, response: ServerResponse) => void) | null
}

/** `GET /containers/{id}/json`, in the form of Docker Engine 28. A name is found as well as an id, and the beginning of one. */
function describe({
  id,
  pid,
  running = true,
  labels = {},
  env = [],
  image = `sha256:${'1'.repeat(64)}`,
  name,
}: FakeContainer) {
  return {
    Id: id,
    Created: '2026-11-21T12:00:00Z',
    Path: 'node',
    Args: ['agent.js'],
    State: {
      Status: running ? 'running' : 'exited',
      Running: running,
      Paused: false,
      Pid: running ? pid : 0,
      ExitCode: 0,
    },
    Image: image,
    Name: `/${name ?? 'agent'}`,
    Config: { Hostname: id.slice(0, 12), User: '1001', Env: env, Image: 'registry.example/agent:1', Labels: labels },
    NetworkSettings: {},
  }
}

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'api-version': '1.50' }).end(JSON.stringify(body))
}

function found(engine: FakeEngine, path: string): object | null {
  const [, kind, wanted] = /^\/(containers|images)\/([^/]+)\/json$/.exec(path) ?? []
  const all = [...engine.containers.values()]
  if (kind === 'containers') {
    const container = all.find(({ id, name }) => id.startsWith(wanted!) || name === wanted)
    return container ? describe(container) : null
  }
  const owner = all.find(({ image = `sha256:${'1'.repeat(64)}` }) => kind === 'images' && image === wanted)
  return owner ? { Id: wanted, RepoTags: [], RepoDigests: owner.digests ?? [] } : null
}

export async function startEngine(...containers: FakeContainer[]): Promise<FakeEngine> {
  const folder = mkdtempSync(join(tmpdir(), 'dock-'))
  const server = createServer(({ url = '' }, response) => {
    engine.asked.push(url)
    if (engine.answer) return engine.answer(url, response)
    const body = found(engine, url)
    reply(response, body ? 200 : 404, body ?? { message: 'No such container' })
  })
  const engine: FakeEngine = {
    socket: join(folder, 's'),
    asked: [],
    containers: new Map(containers.map(container => [container.id, container])),
    answer: null,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  await once(server.listen(engine.socket), 'listening')
  return engine
}
