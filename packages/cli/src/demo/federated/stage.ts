import { setTimeout as sleep } from 'node:timers/promises'
import type { Identity } from '@lanyard/sdk'
import { ApiClient } from '../../client/client.ts'
import type { OidcProvider } from '../../testing/openid-provider.ts'
import { Scene } from '../scene.ts'
import { holds } from '../teller.ts'
import { AUDIENCE, openProvider } from './provider.ts'

/** A scene with an OpenID provider beside it. */
export class Stage {
  readonly scene: Scene
  readonly provider: OidcProvider

  private constructor(scene: Scene, provider: OidcProvider) {
    this.scene = scene
    this.provider = provider
  }

  static async open(): Promise<Stage> {
    const provider = await openProvider()
    try {
      const idp = { allow_addresses: ['127.0.0.0/8', '::1/128'], ca_file: provider.caFile }
      const scene = await Scene.open({ idp })
      scene.onClose(() => provider.close())
      return new Stage(scene, provider)
    } catch (error) {
      await provider.close()
      throw error
    }
  }

  get audience(): string {
    return AUDIENCE
  }

  /** A client with some credential, or with none. */
  client(credential: { readonly bearer?: string; readonly tenant?: string } = {}): ApiClient {
    const { server, rootPem } = this.scene
    return new ApiClient({ url: new URL(server.url), trust: { ca: rootPem }, ...credential })
  }

  /** What an agent does that has a token of its provider: exchanges it for an agent token. */
  async exchange(token: string, jkt?: string): Promise<string> {
    const api = this.client({ bearer: token, tenant: 'acme' })
    return (await api.call('POST /v1/agent/federated-bootstrap', { body: jkt === undefined ? {} : { jkt } })).token
  }

  /** An agent of acme that comes by its provider. */
  async agent(name: string): Promise<Identity> {
    const { url, rootSha256 } = this.scene.server
    const token = await this.exchange(await this.provider.clientToken(name))
    return this.scene.identity({ url, rootSha256, token })
  }

  /** Waits until something is so. */
  async until(what: string, look: () => Promise<boolean>): Promise<void> {
    const end = performance.now() + 10_000
    while (performance.now() < end) {
      if (await look()) return
      await sleep(20)
    }
    holds(false, `expected ${what}`)
  }
}
