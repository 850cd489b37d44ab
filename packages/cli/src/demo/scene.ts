import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Identity, type TokenOptions } from '@lanyard/sdk'
import { type RunningServer, type ServerConfig, serverConfig, startServer } from '@lanyard/server'
import { ApiClient } from '../client/client.ts'

/** A real authority on a temporary folder, and all that the demo opens on it. */
export class Scene {
  readonly folder: string
  readonly server: RunningServer
  readonly admin: ApiClient
  readonly rootPem: string
  readonly #closing: (() => Promise<void>)[] = []
  #isClosed = false

  private constructor(folder: string, server: RunningServer, admin: ApiClient, rootPem: string) {
    this.folder = folder
    this.server = server
    this.admin = admin
    this.rootPem = rootPem
  }

  /** Starts an authority as `lanyard up` does, on any free port, with settings beside its usual ones. */
  static async open(more: { readonly idp?: Partial<ServerConfig['idp']> } = {}): Promise<Scene> {
    const folder = await mkdtemp(join(tmpdir(), 'lanyard-demo-'))
    const settings = { data: join(folder, 'data'), listen: '127.0.0.1:0', trust_domain: 'demo.internal' }
    const server = await startServer(serverConfig({ ...settings, ...more, log: { level: 'silent' } }), { env: {} })
    const rootPem = await readFile(server.rootFile, 'utf8')
    const bearer = (await readFile(server.adminKeyFile!, 'utf8')).trim()
    const admin = new ApiClient({ url: new URL(server.url), trust: { ca: rootPem }, bearer })
    return new Scene(folder, server, admin, rootPem)
  }

  /** An agent token, as an operator would hand it to the agent. */
  async token(tenant: string, agent: string): Promise<string> {
    return (await this.admin.call('POST /v1/agent/bootstrap', { body: { tenant, agent } })).token
  }

  /** An agent with its identity, by the SDK. */
  async agent(tenant: string, agent: string, keyType: 'RSA-2048' | 'P-256' = 'RSA-2048'): Promise<Identity> {
    const { url, rootSha256 } = this.server
    return this.identity({ url, rootSha256, token: await this.token(tenant, agent), keyType })
  }

  /** An identity, from whatever token, that is closed with the scene. */
  async identity(options: TokenOptions): Promise<Identity> {
    const identity = await Identity.fromToken(options)
    this.onClose(() => identity.close())
    return identity
  }

  /** What a step opens that was stopped in the middle is closed at once. */
  onClose(close: () => Promise<void>): void {
    if (this.#isClosed) close().catch(() => undefined)
    else this.#closing.push(close)
  }

  /** Ends everything, the last first, and removes the folder. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const close of this.#closing.toReversed()) await close()
    await this.server.close()
    await rm(this.folder, { recursive: true, force: true })
  }
}
