import { Identity, tenant } from '@lanyard/sdk'
import { monotonic } from '../clock.ts'

export interface WorkerOptions {
  /** The authority, or the balancer before it. */
  readonly url: string
  readonly rootSha256: string
  readonly token: string
  /** Whom it answers. */
  readonly tenant: string
  /** Where it listens; 127.0.0.1 when absent. */
  readonly host?: string
}

export interface WorkerRole {
  address(): { readonly host: string; readonly port: number }
  close(): Promise<void>
}

/** A service with the guard as it is by default: `identity.serve` and nothing else. It answers with the time of its handler. */
export async function startWorker(options: WorkerOptions): Promise<WorkerRole> {
  const { url, rootSha256, token, host = '127.0.0.1' } = options
  const identity = await Identity.fromToken({ url, rootSha256, token, keyType: 'P-256' })
  const serving = await identity.serve({ allow: tenant(options.tenant), host }, (_request, response) =>
    response.end(String(monotonic())),
  )
  return {
    address: () => ({ host, port: serving.port }),
    async close() {
      await serving.close()
      await identity.close()
    },
  }
}
