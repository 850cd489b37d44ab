import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import { Identity, type TokenOptions, tenant } from '@lanyard/sdk'
import type { Goal } from '../line.ts'

/** `none`: the same TLS and the same handler without a door; `door`: who calls is proved and allowed; `guard`: and alive. */
export type HotKind = 'none' | 'door' | 'guard'

export interface HotServerOptions {
  readonly kind: HotKind
  readonly url: string
  readonly rootSha256: string
  readonly token: string
  readonly tenant: string
}

export interface HotServerRole {
  address(): Goal
  /** Processor milliseconds that this process has used. */
  cpuMs(): number
}

/** One server of the comparison. */
export async function startHotServer({ kind, tenant: of, ...rest }: HotServerOptions): Promise<HotServerRole> {
  const options: TokenOptions = { ...rest, keyType: 'P-256' }
  const identity = await Identity.fromToken(kind === 'guard' ? options : { ...options, liveness: false })
  const handler = (_request: unknown, response: { end(text: string): void }) => response.end('done')
  const server = createServer(identity.serverOptions(), handler)
  if (kind !== 'none') identity.protect(server, { allow: tenant(of) })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    address: () => ({ host: '127.0.0.1', port: (server.address() as AddressInfo).port }),
    cpuMs: () => {
      const { user, system } = process.cpuUsage()
      return (user + system) / 1000
    },
  }
}
