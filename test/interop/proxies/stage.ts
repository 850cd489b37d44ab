import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { TestIdentity } from '../../../packages/protocol/src/node/test-ca.ts'
import { type Answer, type CallOptions, send } from '../../../packages/server/src/testing/client.ts'
import { eventually, freePort, type Leashed, leashed } from '../../../packages/server/src/testing/programs.ts'
import { type Credential, credentialsFor } from '../../support/credential.ts'
import { type Json, type LanyardUp, lanyardUp } from '../../support/lanyard-up.ts'

const GUIDE = readFileSync(
  resolve(import.meta.dirname, '../../../docs/guides/client-certificates-behind-proxies.md'),
  'utf8',
)

/** The code blocks of one kind below a heading of the guide, in turn. */
export function snippets(heading: string, kind: string): readonly string[] {
  const start = GUIDE.indexOf(`\n${heading}\n`)
  if (start < 0) throw new Error(`the guide has no ${heading}`)
  const level = heading.split(' ')[0]!
  const rest = GUIDE.slice(start + heading.length + 2)
  // Comments in code look like headings.
  const prose = rest.replaceAll(/```[\s\S]*?```/g, code => '.'.repeat(code.length))
  const end = prose.search(new RegExp(`^#{1,${level.length}} `, 'm'))
  const part = end < 0 ? rest : rest.slice(0, end)
  return [...part.matchAll(new RegExp(`\`\`\`${kind}\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, code]) => code!)
}

/** A real authority with the settings of the guide, a folder for a proxy, and what a proxy needs there. */
export class ProxyStage {
  readonly folder: string
  readonly up: LanyardUp
  readonly port: number
  readonly #public: TestIdentity
  #names = 0
  #program: Leashed | null = null

  private constructor(folder: string, up: LanyardUp, port: number, authority: TestIdentity) {
    this.folder = folder
    this.up = up
    this.port = port
    this.#public = authority
  }

  /**
   * `settings`: the proxy's part of lanyard.yaml, as the guide has it. `group`: may open what lies in the folder of the
   * socket.
   */
  static async open(settings: string, group: number | null = null): Promise<ProxyStage> {
    const folder = mkdtempSync(join(tmpdir(), 'lanyard-behind-'))
    // The programs run under accounts of their own.
    chmodSync(folder, 0o755)
    mkdirSync(join(folder, 'identity'))
    mkdirSync(join(folder, 'socket'), { mode: 0o700 })
    if (group !== null) {
      chownSync(join(folder, 'socket'), 0, group)
      chmodSync(join(folder, 'socket'), 0o2750)
    }
    const config = join(folder, 'lanyard.yaml')
    const own = 'trust_domain: example.org\nhosts: [id.example.org]\nlimits: { rate_per_minute: 0 }\n'
    writeFileSync(config, own + settings.replaceAll('/run/lanyard-proxy', join(folder, 'socket')))
    const up = await lanyardUp({ flags: ['--config', config] })
    const validity = { notBefore: Math.floor(Date.now() / 1000) - 60, notAfter: Math.floor(Date.now() / 1000) + 3600 }
    const stage = new ProxyStage(folder, up, await freePort(), TestIdentity.root(validity))
    try {
      await stage.#furnish(validity)
      return stage
    } catch (error) {
      await stage.close()
      throw error
    }
  }

  async #furnish(validity: object): Promise<void> {
    for (const tenant of ['acme', 'infra']) await this.up.call('POST', '/v1/tenants', { tenant, key_policy: 'modern' })
    const server = this.#public.leaf({ ...validity, names: { dns: ['localhost', 'id.example.org'] } })
    this.write('server.key', server.keyPem)
    // HAProxy has certificate and key in one file, and the others pass the second one over.
    this.write('server.pem', server.pem + server.keyPem)
    this.write('root.pem', this.up.rootPem)
    const own = await this.credential('infra', 'edge')
    this.write('identity/svid.pem', own.cert)
    this.write('identity/svid_key.pem', own.key)
    symlinkSync('svid_key.pem', join(this.folder, 'identity/svid.pem.key'))
  }

  write(name: string, text: string): string {
    const path = join(this.folder, name)
    writeFileSync(path, text)
    return path
  }

  /** A configuration of the guide, where everything lies in the folder and the ports are these. */
  adapted(text: string): string {
    const { port } = new URL(this.up.ready.url)
    return text
      .replaceAll(/\/etc\/(nginx|haproxy|envoy)\/lanyard\//g, `${this.folder}/`)
      .replaceAll(/\/run\/(nginx|haproxy|envoy)-identity/g, `${this.folder}/identity`)
      .replaceAll('/run/lanyard-proxy', `${this.folder}/socket`)
      .replaceAll('id.example.org:8443', `127.0.0.1:${port}`)
      .replaceAll('address: id.example.org, port_value: 8443', `address: 127.0.0.1, port_value: ${port}`)
      .replaceAll('listen 443 ssl', `listen 127.0.0.1:${this.port} ssl`)
      .replaceAll('bind :443 ssl', `bind 127.0.0.1:${this.port} ssl`)
      .replaceAll('address: 0.0.0.0, port_value: 443', `address: 127.0.0.1, port_value: ${this.port}`)
  }

  /** Runs a proxy, and waits for it to answer. */
  async run(program: string, args: readonly string[]): Promise<void> {
    this.#program = leashed(this.folder, program, args, undefined)
    const { ended } = this.#program
    const log = () => {
      try {
        return readFileSync(join(this.folder, 'error.log'), 'utf8')
      } catch {
        return ''
      }
    }
    try {
      await eventually(program, () => this.#answers(), ended)
    } catch (cause) {
      const said = log()
      await this.close()
      throw new Error(`${program} does not answer: ${said}`, { cause })
    }
  }

  async #answers(): Promise<void> {
    const { status, text } = await this.call('GET /healthz')
    if (status !== 200) throw new Error(`it answers ${status} ${text}`)
  }

  async agent(): Promise<Credential & { readonly name: string }> {
    const name = `a${++this.#names}`
    return { ...(await this.credential('acme', name)), name }
  }

  async credential(tenant: string, agent: string): Promise<Credential> {
    await this.up.call('POST', '/v1/agents', { tenant, agent })
    const { token } = await this.token(tenant, agent)
    const [credential] = await credentialsFor({ url: this.up.ready.url, rootPem: this.up.rootPem }, [token])
    return credential!
  }

  token(tenant: string, agent: string): Promise<Json> {
    return this.up.call('POST', '/v1/agent/bootstrap', { tenant, agent })
  }

  /** One call through the proxy. */
  call(line: string, options: CallOptions = {}): Promise<Answer> {
    return send(this.port, this.#public.pem, line, options)
  }

  /** One call past it. */
  direct(line: string, options: CallOptions = {}): Promise<Answer> {
    return send(Number(new URL(this.up.ready.url).port), this.up.rootPem, line, options)
  }

  get publicPem(): string {
    return this.#public.pem
  }

  async close(): Promise<void> {
    this.#program?.process.stdin?.end()
    await this.#program?.exited()
    await this.up.remove()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
