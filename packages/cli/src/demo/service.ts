import type { ServerResponse } from 'node:http'
import { agentId, caller, type Identity, tenant } from '@lanyard/sdk'
import type { Scene } from './scene.ts'
import { holds } from './teller.ts'

/** A service for all of a tenant. `/stream` sends a line whenever it is told to. */
export interface Service {
  readonly url: string
  sendLine(line: string): void
  /** The moment when the stream that is open now ends at the service, by `performance.now()`. */
  streamEnd(): Promise<number>
}

interface Meeting {
  readonly planner: Identity
  readonly invoice: Identity
}

/** Both serve, and each calls the other; the service of `invoice` stays. */
export async function meet(scene: Scene, { planner, invoice }: Meeting): Promise<readonly [string, Service]> {
  const service = await serveStream(scene, invoice, 'acme')
  const back = await planner.serve({ allow: agentId(invoice.id) }, (request, response) =>
    response.end(`hello ${caller(request).id.path}`),
  )
  scene.onClose(() => back.close())
  const there = await (await planner.fetch(service.url, { peer: agentId(invoice.id) })).text()
  const andBack = await (await invoice.fetch(back.url, { peer: agentId(planner.id) })).text()
  holds(there === 'hello /tenant/acme/agent/planner', `expected a greeting of planner, got ${there}`)
  holds(andBack === 'hello /tenant/acme/agent/invoice', `expected a greeting of invoice, got ${andBack}`)
  return [`planner → invoice: ${there}\ninvoice → planner: ${andBack}`, service]
}

/** Lets an agent serve all agents of a tenant, as long as the scene lasts. */
export async function serveStream(scene: Scene, identity: Identity, whom: string): Promise<Service> {
  const stream = new Stream()
  const serving = await identity.serve({ allow: tenant(whom) }, (request, response) =>
    request.url === '/stream' ? stream.open(response) : response.end(`hello ${caller(request).id.path}`),
  )
  scene.onClose(() => serving.close())
  return { url: serving.url, sendLine: stream.sendLine, streamEnd: stream.end }
}

/** The newest stream that somebody has opened. */
class Stream {
  #response: ServerResponse | null = null

  open(response: ServerResponse): void {
    this.#response = response
    response.writeHead(200, { 'content-type': 'text/plain' }).flushHeaders()
  }

  readonly sendLine = (line: string): void => void this.#response?.write(`${line}\n`)

  readonly end = (): Promise<number> =>
    new Promise(resolve => this.#response?.once('close', () => resolve(performance.now())))
}
