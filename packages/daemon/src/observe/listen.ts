import { once } from 'node:events'
import { createServer } from 'node:http'
import { LanyardError } from '@lanyard/api'

/** Where metrics are read. */
export interface MetricsListener {
  readonly port: number
  close(): Promise<void>
}

/**
 * Serves `GET /metrics` in the Prometheus text format, without TLS, on an address of this machine.
 *
 * @throws LanyardError `address_in_use`
 */
export async function serveMetrics(
  { host, port }: { readonly host: string; readonly port: number },
  text: () => string,
): Promise<MetricsListener> {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000, maxHeaderSize: 8_192 })
  server.maxConnections = 16
  server.on('request', (request, response) => {
    const found = request.method === 'GET' && request.url === '/metrics'
    response.writeHead(found ? 200 : 404, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' })
    response.end(found ? text() : '')
  })
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (cause) {
    throw new LanyardError('address_in_use', `${host}:${port}: ${(cause as Error).message}`, {}, { cause })
  }
  return {
    port: (server.address() as { port: number }).port,
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
