import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createSecureContext, createServer, type TLSSocket } from 'node:tls'
import { agentId, Identity } from '@lanyard/sdk'
import { credentialsFor } from '../../test/support/credential.ts'
import type { LanyardUp } from '../../test/support/lanyard-up.ts'
import type { Row } from '../report.ts'
import type { Stage } from './stage.ts'

const AT_ONCE = 8

/** Between two peers of the SDK with all that they verify, and between two ends of plain Node that verify a chain alone. */
export async function handshakes(stage: Stage, seconds: number): Promise<Row[]> {
  const rows = [await betweenSdks(stage.up, seconds), await betweenPlainNodes(stage.up, seconds)]
  const [ours, plain] = rows.map(row => Number(row.handshakes_per_sec))
  return rows.map((row, at) => ({ ...row, share: at === 0 ? ours! / plain! : 1 }))
}

async function tokenOf(up: LanyardUp, agent: string): Promise<string> {
  await up.ask('POST', '/v1/agents', { tenant: 'acme', agent, tier: 'silver' })
  return (await up.call('POST', '/v1/agent/bootstrap', { tenant: 'acme', agent })).token
}

async function betweenSdks(up: LanyardUp, seconds: number): Promise<Row> {
  const begin = async (agent: string) => {
    const { url, root_sha256: rootSha256 } = up.ready
    return await Identity.fromToken({ url, rootSha256, token: await tokenOf(up, agent), keyType: 'P-256' })
  }
  const [server, client] = await Promise.all([begin('shakes-server'), begin('shakes-client')])
  const serving = await server.serve({ allow: agentId(client.id) }, (_, response) => response.end())
  const { hostname: host, port } = new URL(serving.url)
  const peer = agentId(server.id)
  const row = await rate('SDK to SDK, guard on', seconds, async () => {
    const socket = await client.connect({ host, port: Number(port), peer })
    socket.destroy()
  })
  await serving.close()
  await Promise.all([server.close(), client.close()])
  return row
}

async function betweenPlainNodes(up: LanyardUp, seconds: number): Promise<Row> {
  const tokens = [await tokenOf(up, 'plain-server'), await tokenOf(up, 'plain-client')]
  const [own, other] = await credentialsFor({ url: up.ready.url, rootPem: up.rootPem }, tokens)
  const common = { ca: up.rootPem, minVersion: 'TLSv1.3', rejectUnauthorized: true } as const
  const server = createServer({ ...common, ...own!, requestCert: true }, socket => socket.on('error', () => {}))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  // One context for all connections, as the SDK has one for each certificate.
  const secureContext = createSecureContext({ ...common, ...other! })
  const options = {
    secureContext,
    rejectUnauthorized: true,
    host: '127.0.0.1',
    port,
    checkServerIdentity: () => undefined,
  }
  const row = await rate('plain node:tls, the same certificates, no ID looked at', seconds, async () => {
    const socket: TLSSocket = connect(options)
    await once(socket, 'secureConnect')
    socket.on('error', () => {})
    socket.destroy()
  })
  await new Promise(resolve => server.close(resolve))
  return row
}

async function rate(name: string, seconds: number, act: () => Promise<void>): Promise<Row> {
  for (let at = 0; at < 50; at++) await act()
  const began = performance.now()
  const end = began + seconds * 1000
  let done = 0
  const worker = async () => {
    for (; performance.now() < end; done++) await act()
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return { name, handshakes_per_sec: done / ((performance.now() - began) / 1000) }
}
