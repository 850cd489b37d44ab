import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { type Certificate, type VerifiedReceipt, verifyReceipt } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import { Identity, type TokenOptions } from '@lanyard/sdk'
import { type Credential, credentialsFor } from './credential.ts'
import type { Json, LanyardUp } from './lanyard-up.ts'
import { certificateOf } from './root.ts'

const SERVICE = new URL('./guarded-service.ts', import.meta.url).pathname

/** A service in a process of its own. */
export interface ServiceProcess {
  readonly child: ChildProcess
  readonly host: string
  readonly port: number
  end(): Promise<void>
}

/** The agents of one tenant in a story. */
export class Cast {
  readonly tenant: string
  readonly #up: LanyardUp
  readonly #root: Certificate

  private constructor(up: LanyardUp, tenant: string) {
    this.#up = up
    this.tenant = tenant
    this.#root = certificateOf(up.rootPem)
  }

  /** Makes the tenant. Its keys are P-256: making them takes no time. */
  static async of(up: LanyardUp, tenant = 'acme'): Promise<Cast> {
    await up.call('POST', '/v1/tenants', { tenant, key_policy: 'modern' })
    return new Cast(up, tenant)
  }

  /** The same agents, asked about at another instance. */
  at(up: LanyardUp): Cast {
    return new Cast(up, this.tenant)
  }

  /** Makes an agent and gives a token of it. */
  async token(agent: string): Promise<string> {
    await this.#up.ask('POST', '/v1/agents', { tenant: this.tenant, agent, tier: 'gold' })
    return (await this.#up.call('POST', '/v1/agent/bootstrap', { tenant: this.tenant, agent })).token
  }

  /** Makes an agent and gives a certificate of it, for callers that do not use the SDK. */
  async credential(agent: string): Promise<Credential> {
    const source = { url: this.#up.ready.url, rootPem: this.#up.rootPem }
    return (await credentialsFor(source, [await this.token(agent)]))[0]!
  }

  /** Makes an agent with an identity that serves and calls in this process. */
  async identity(agent: string, options: Partial<TokenOptions> = {}): Promise<Identity> {
    return await Identity.fromToken({ ...(await this.#options(agent)), ...options })
  }

  /** Makes an agent that serves in a process of its own. */
  async service(agent: string, options: Partial<TokenOptions> = {}): Promise<ServiceProcess> {
    const argument = JSON.stringify({ ...(await this.#options(agent)), ...options, tenant: this.tenant })
    const flags = ['--disable-warning=ExperimentalWarning']
    const child = spawn(process.execPath, [...flags, SERVICE, argument], { stdio: ['pipe', 'pipe', 'inherit'] })
    const [line] = await Promise.race([once(createInterface(child.stdout!), 'line'), once(child, 'exit')])
    const { host, port } = JSON.parse(String(line)) as { host: string; port: number }
    return {
      child,
      host,
      port,
      async end() {
        if (child.exitCode !== null || child.signalCode !== null) return
        child.kill('SIGKILL')
        await once(child, 'exit')
      },
    }
  }

  /** Kills an agent; gives the id of the incident. */
  async kill(agent: string, more: object = {}): Promise<Json> {
    return await this.#up.call('POST', `/v1/agents/${this.tenant}/${agent}/kill`, { reason: 'a story', ...more })
  }

  async reinstate(agent: string): Promise<void> {
    await this.#up.call('POST', `/v1/agents/${this.tenant}/${agent}/reinstate`, { reason: 'a story' })
  }

  /** The incident as soon as it is closed, with its receipt verified. */
  async closed(incident: string): Promise<{ readonly incident: Json; readonly receipt: VerifiedReceipt['receipt'] }> {
    const found = await until(
      () => this.#up.call('GET', `/v1/incidents/${incident}`),
      ({ state }) => state === 'closed',
    )
    return { incident: found, receipt: verifyReceipt(found.receipt, { roots: [this.#root] }, nodeCrypto).receipt }
  }

  /** Enforcement points that have a lease. */
  async points(): Promise<Json[]> {
    return (await this.#up.call('GET', '/v1/feed/points')).items
  }

  async #options(agent: string): Promise<TokenOptions> {
    const { url, root_sha256: rootSha256 } = this.#up.ready
    return { url, rootSha256, token: await this.token(agent), keyType: 'P-256' }
  }
}

/** Asks until the answer is as wished; the test's own limit ends it. */
export async function until<T>(ask: () => Promise<T>, wished: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask()
    if (wished(answer)) return answer
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}
