import type { ServerResponse } from 'node:http'
import { agentId, caller, type Identity, tenant } from '@lanyard/sdk'
import type { Scene } from './scene.ts'
import { holds } from './teller.ts'

/** A service of `invoice` for all of acme. `/stream` sends a line whenever it is told to. */
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
  const stream = new Stream()
  const serving = await invoice.serve({ allow: tenant('acme') }, (request, response) =>
    request.url === '/stream' ? stream.open(response) : response.end(`hello ${caller(request).id.path}`),
  )
  const back = await planner.serve({ allow: agentId(invoice.id) }, (request, response) =>
    response.end(`hello ${caller(request).id.path}`),
  )
  scene.onClose(async () => {
    await Promise.all([serving.close(), back.close()])
  })
  const there = await (await planner.fetch(serving.url, { peer: agentId(invoice.id) })).text()
  const andBack = await (await invoice.fetch(back.url, { peer: agentId(planner.id) })).text()
  holds(there === 'hello /tenant/acme/agent/planner', `expected a greeting of planner, got ${there}`)
  holds(andBack === 'hello /tenant/acme/agent/invoice', `expected a greeting of invoice, got ${andBack}`)
  const service = { url: serving.url, sendLine: stream.sendLine, streamEnd: stream.end }
  return [`planner → invoice: ${there}\ninvoice → planner: ${andBack}`, service]
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
