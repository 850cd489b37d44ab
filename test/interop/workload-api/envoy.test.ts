import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { agentId, caller, type Identity } from '@lanyard/sdk'
import { fetch } from 'undici'
import { until } from '../../support/cast.ts'
import type { Json } from '../../support/lanyard-up.ts'
import { openStage, type WorkloadStage } from '../../support/workload-stage.ts'
import { type Started, skipUnless, start } from '../programs.ts'
import { envoyConfig } from './envoy-config.ts'

describe('a real Envoy with secrets by SDS', skipUnless('envoy'), () => {
  let stage: WorkloadStage
  let service: Identity
  let client: Identity
  let upstream: { readonly url: string; close(): Promise<void> }
  let envoy: Envoy
  before(async () => {
    stage = await openStage()
    service = await stage.identity('service')
    client = await stage.identity('caller')
    upstream = await service.serve({ allow: agentId(stage.id) }, (request, response) =>
      response.end(`${caller(request).id}`),
    )
    envoy = await Envoy.start({
      socket: stage.socket,
      caller: `${client.id}`,
      upstream: { id: `${service.id}`, port: Number(new URL(upstream.url).port) },
      certificate: stage.id,
      trust: `spiffe://${stage.domain}`,
    })
  })
  after(async () => {
    await envoy?.stop()
    await upstream?.close()
    await stage?.remove()
  })

  test('leads what comes from this machine on to an agent by mTLS', async () => {
    const reply = await fetch(`http://127.0.0.1:${await envoy.port('local')}/`)
    assert.deepEqual([reply.status, await reply.text()], [200, stage.id])
  })

  test('takes calls of the one agent that may, by mTLS on both sides', async () => {
    const url = `https://127.0.0.1:${await envoy.port('agents')}/`
    const reply = await client.fetch(url, { peer: agentId(stage.id) })
    assert.deepEqual([reply.status, await reply.text()], [200, stage.id])
    const stranger = await stage.identity('stranger')
    await assert.rejects(async () => (await stranger.fetch(url, { peer: agentId(stage.id) })).text())
    await assert.rejects(fetch(url))
  })

  test('uses what is renewed, and is told what is withdrawn', async () => {
    const serials = async () =>
      (await envoy.admin('/certs')).certificates.flatMap(({ cert_chain }: Json) =>
        cert_chain.map(({ serial_number }: Json) => serial_number),
      )
    const first = (await serials()).join()
    await stage.change(stage.entry.id, { x509_ttl_sec: 120 })
    await until(serials, now => now.join() !== first)
    const again = await fetch(`http://127.0.0.1:${await envoy.port('local')}/`)
    assert.equal(again.status, 200)
    // Envoy keeps what it has when its stream ends; who checks liveness refuses it all the same.
    await stage.cast.kill('client')
    await until(
      () => fetch(`http://127.0.0.1:${envoy.known('local')}/`).then(reply => reply.status),
      status => status !== 200,
    )
  })
})

class Envoy {
  readonly #program: Started
  readonly #folder: string
  readonly #ports = new Map<string, number>()

  private constructor(program: Started, folder: string) {
    this.#program = program
    this.#folder = folder
  }

  static async start(options: Parameters<typeof envoyConfig>[0]): Promise<Envoy> {
    const folder = mkdtempSync(join(tmpdir(), 'lanyard-envoy-'))
    const config = join(folder, 'envoy.json')
    writeFileSync(config, JSON.stringify(envoyConfig(options)))
    const flags = ['-c', config, '--admin-address-path', join(folder, 'admin'), '--concurrency', '1']
    const program = start('envoy', options.socket, [...flags, '--log-level', 'warn', '--use-dynamic-base-id'])
    return new Envoy(program, folder)
  }

  /** Asks the admin interface, as soon as it is there. */
  async admin(path: string): Promise<Json> {
    const address = await until(
      async () => {
        if (this.#program.child.exitCode !== null) throw new Error(this.#program.errors())
        return this.#read('admin')
      },
      text => text !== '',
    )
    return await (await fetch(`http://${address}${path}`)).json()
  }

  /** The port of a listener, once Envoy serves: it waits for its first secrets. */
  async port(name: string): Promise<number> {
    await until(
      () => this.admin('/server_info'),
      ({ state }) => state === 'LIVE',
    )
    const { listener_statuses } = await this.admin('/listeners?format=json')
    const { local_address } = listener_statuses.find((status: Json) => status.name === name)
    this.#ports.set(name, local_address.socket_address.port_value)
    return this.known(name)
  }

  known(name: string): number {
    return this.#ports.get(name)!
  }

  async stop(): Promise<void> {
    this.#program.child.kill('SIGTERM')
    await this.#program.end()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #read(name: string): string {
    try {
      return readFileSync(join(this.#folder, name), 'utf8').trim()
    } catch {
      return ''
    }
  }
}
