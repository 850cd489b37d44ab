import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type HttpHarness, openHttp } from '../testing/http.ts'
import {
  beginAgain,
  type Called,
  credentialsOf,
  DEATHS,
  done,
  refusedEverywhere,
  refusedWith,
  victimOf,
} from '../testing/the-dead.ts'

// Every way to die × every kind of credential × every route: nothing answers the dead, and nothing revives them.

let harness: HttpHarness
let server: Called

before(async () => {
  harness = await openHttp({ limits: { rate_per_minute: 0 } })
  server = { admin: await harness.apiKey('admin'), call: harness.call }
})
after(() => harness.close())

describe('nothing answers the dead', () => {
  for (const [index, { name, call, revival, takesMinter }] of DEATHS.entries()) {
    test(name, async () => {
      const dead = await victimOf(server, `t${index}`)
      await done(server, call(dead))
      await refusedEverywhere(server, dead, 'dead')
      if (takesMinter) await refusedWith(server, 'unauthenticated', { token: dead.minter.key })
      if (!revival) return
      await done(server, revival(dead))
      await refusedEverywhere(server, dead, 'reinstated')
      const { status } = await server.call('GET /v1/whoami', { tls: await beginAgain(server, dead) })
      assert.equal(status, 200)
    })
  }

  test('an eviction kills what the instance signed, and only that', async t => {
    const own = await openHttp()
    t.after(() => own.close())
    const key = { tenant: 'acme', agent: 'a1' }
    await own.agent(key)
    const [held, token] = [await own.certificate(key), await own.apiKey('admin')]
    await own.call(`POST /v1/instances/${own.pipeline.instance}/evict`, { token, body: { reason: 'test' } })
    await refusedWith({ admin: token, call: own.call }, 'certificate_revoked', { tls: held })
    assert.equal((await own.call('GET /v1/whoami', { token: await own.token(key) })).status, 200)
  })

  test('whoever lives goes on', async () => {
    for (const [kind, options] of credentialsOf(await victimOf(server, 'alive')))
      assert.equal((await server.call('GET /v1/whoami', options)).status, 200, kind)
  })
})
