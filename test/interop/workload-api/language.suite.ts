import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { agentId, caller } from '@lanyard/sdk'
import { fetch } from 'undici'
import type { Program } from '../../../tools/interop.ts'
import type { Json } from '../../support/lanyard-up.ts'
import { openStage, type WorkloadStage } from '../../support/workload-stage.ts'
import { ask, skipUnless, start } from '../programs.ts'

/** What a library can do. */
export interface Language {
  readonly program: Program
  /** It has mTLS for servers. */
  readonly serves: boolean
  /** How it names the refusal of a call with another audience than the token's. */
  readonly refusal: RegExp
  /** What its watch says when the last identity is taken away, or null where it says nothing. */
  readonly withdrawn: RegExp | null
  /** Keys of the tenant. */
  readonly keyPolicy: 'modern' | 'rsa-only'
}

/** Lets a library get its identity, call and be called, and hear of changes. */
export function tryLanguage({ program, serves, refusal, withdrawn, keyPolicy }: Language): void {
  describe(`a workload with ${program}`, skipUnless(program), () => {
    let stage: WorkloadStage
    before(async () => {
      stage = await openStage({ hint: 'main' })
      await stage.up.call('PATCH', '/v1/tenants/acme', { key_policy: keyPolicy })
    })
    after(() => stage?.remove())
    const keyType = keyPolicy === 'modern' ? 'P-256' : 'RSA-2048'
    const identity = (agent: string) => stage.identity(agent, { keyType })
    const json = (args: readonly string[]) => ask(program, stage.socket, args)

    test('gets X.509-SVIDs, JWT-SVIDs and bundles, and has its tokens judged', async () => {
      const got = await json(['fetch', 'service'])
      assert.equal(got.default, stage.id)
      assert.deepEqual(
        got.svids.map(({ id, chain }: Json) => [id, chain]),
        [[stage.id, 2]],
      )
      assert.deepEqual(got.jwt, { id: stage.id, audience: ['service'], checked: stage.id, validated: stage.id })
      assert.deepEqual([got.bundles.x509, got.bundles.jwt], [[stage.domain], [stage.domain]])
      assert.match(got.refused.audience, refusal)
    })

    test('calls an agent that serves by the SDK, and is known by its ID', async context => {
      const service = await identity('service')
      const serve = async (allowed: string) => {
        const serving = await service.serve({ allow: agentId(allowed) }, (request, response) =>
          response.end(`${caller(request).id}`),
        )
        context.after(() => serving.close())
        return serving.url
      }
      const url = await serve(stage.id)
      assert.deepEqual(await json(['call', url, `${service.id}`]), { status: 200, body: stage.id })
      // The library looks at who answers.
      await assert.rejects(json(['call', url, `${service.id}-not`]))
      // The server looks at who calls.
      const refused = await json(['call', await serve(`${service.id}`), `${service.id}`]).catch(() => ({ status: 0 }))
      assert.notEqual(refused.status, 200)
    })

    if (serves)
      test('serves an agent that calls by the SDK, and nobody else', async context => {
        const peer = await identity('peer')
        const server = start(program, stage.socket, ['serve', `${peer.id}`])
        context.after(() => server.child.kill('SIGKILL'))
        const { port } = await server.next()
        const url = `https://127.0.0.1:${port}/`
        const reply = await peer.fetch(url, { peer: agentId(stage.id) })
        assert.equal(await reply.text(), `${peer.id}`)
        await assert.rejects(peer.fetch(url, { peer: agentId(`${peer.id}`) }), { code: 'peer_not_allowed' })
        const stranger = await identity('stranger')
        await assert.rejects(async () => (await stranger.fetch(url, { peer: agentId(stage.id) })).text())
        // Nobody without a certificate.
        await assert.rejects(fetch(url))
        await server.end()
      })

    test('hears of another identity, of renewals and of withdrawal', async context => {
      const watch = start(program, stage.socket, ['watch'])
      context.after(() => watch.child.kill('SIGKILL'))
      const ids = ({ svids = [] }: Json) => svids.map(({ id }: Json) => id)
      assert.deepEqual(ids(await watch.next()), [stage.id])
      const second = await stage.register('second')
      assert.deepEqual(ids(await watch.until(said => ids(said).length === 2)), [stage.id, second.spiffe_id])
      await stage.withdraw(second.id)
      assert.deepEqual(ids(await watch.until(said => ids(said).length === 1)), [stage.id])
      await stage.withdraw(stage.entry.id)
      if (withdrawn !== null) assert.match((await watch.until(said => said.error !== undefined)).error, withdrawn)
      // A program that comes now is told at once.
      await assert.rejects(json(['fetch', 'service']))
      await watch.end()
    })
  })
}
