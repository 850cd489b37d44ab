import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import { FakeAuthority } from '../testing/fake-authority.ts'
import { temporaryFolder } from '../testing/files.ts'
import { TestTime } from '../testing/test-time.ts'
import { LOOK_EVERY_MS } from '../time.ts'
import type { Failing, Lost } from './events.ts'
import { Identity } from './identity.ts'
import type { ProviderOptions } from './options.ts'

const MINUTE = 60_000

interface Stage {
  readonly time: TestTime
  readonly authority: FakeAuthority
  readonly start: (options?: Partial<ProviderOptions>) => Promise<Identity>
}

/** An authority where a provider vouches for the agents of acme; all of it ends with the test. */
async function stage(t: TestContext): Promise<Stage> {
  const time = new TestTime()
  const authority = await FakeAuthority.start(time)
  t.after(() => authority.stop())
  const start = async (options: Partial<ProviderOptions> = {}) => {
    const { url, ca, provider } = authority
    const usual = { url, rootSha256: ca.rootSha256, tenant: 'acme', keyType: 'P-256' as const, time }
    const identity = await Identity.fromProvider({ ...usual, idpToken: () => provider.token(), ...options })
    t.after(() => identity.close())
    return identity
  }
  return { time, authority, start }
}

/** Lets time pass until the identity has something to tell. */
async function until<T>(identity: Identity, name: 'renewed' | 'failing' | 'lost', time: TestTime, ms: number) {
  const told = once(identity, name)
  time.advance(ms)
  const [details] = await told
  return details as T
}

/**
 * Lets the pauses of one identity pass until something is done. While it asks the authority no time passes, however long
 * that takes: what waits then is the end of its start alone, farther away than an alarm ever looks.
 */
async function ticking<T>(time: TestTime, underWay: Promise<T>): Promise<T> {
  const timer = setInterval(() => time.skip(LOOK_EVERY_MS), 1)
  return await underWay.finally(() => clearInterval(timer))
}

const keysOf = ({ provider }: FakeAuthority) => provider.exchanged.map(({ jkt }) => jkt)

test('a token of the provider is exchanged for one key, and from there on certificates renew themselves', async t => {
  const { time, authority, start } = await stage(t)
  const idpToken = authority.provider.token('worker')
  const identity = await start({ idpToken: `${idpToken}\n` })
  assert.equal(`${identity.id}`, authority.ca.id('acme', 'worker'))
  await until(identity, 'renewed', time, 2.5 * MINUTE)
  const [exchanged, ...more] = authority.provider.exchanged
  assert.deepEqual([exchanged?.token, exchanged?.tenant, more], [idpToken, 'acme', []])
  assert.match(exchanged!.jkt, /^[\w-]{43}$/)
  assert.deepEqual(
    authority.asked.map(({ token, parent }) => [token?.startsWith('token-') ?? null, parent === null]),
    [
      [true, true],
      [null, false],
    ],
  )
})

test('a server without the pinned root never sees the token', async t => {
  const { authority, start } = await stage(t)
  const rootSha256 = authority.ca.rootSha256.replace(/^./, digit => (digit === '0' ? '1' : '0'))
  await assert.rejects(start({ rootSha256 }), { code: 'fingerprint_mismatch' })
  assert.deepEqual(authority.provider.exchanged, [])
})

for (const cut of ['before', 'after'] as const)
  test(`the same token comes with the same key until it was answered (cut ${cut} it was heard)`, async t => {
    const { time, authority, start } = await stage(t)
    const idpToken = authority.provider.token()
    authority.mishap({ cut })
    await ticking(time, start({ idpToken: () => idpToken }))
    assert.equal(authority.provider.exchanged.length, 2)
    assert.equal(new Set(keysOf(authority)).size, 1)
  })

test('once it is exchanged, a lost certificate is asked for with the same agent token and key', async t => {
  const { time, authority, start } = await stage(t)
  const { provider } = authority
  const exchange = provider.exchange.bind(provider)
  provider.exchange = exchanged => {
    authority.mishap({ cut: 'after' })
    return exchange(exchanged)
  }
  await ticking(time, start())
  assert.equal(provider.exchanged.length, 1)
  assert.equal(new Set(authority.asked.map(({ token }) => token)).size, 1)
  assert.equal(new Set(authority.asked.map(({ key }) => key)).size, 1)
  assert.equal(authority.asked.length, 2)
})

test('another token comes with another key', async t => {
  const { time, authority, start } = await stage(t)
  authority.mishap({ cut: 'after' })
  await ticking(time, start())
  assert.equal(new Set(authority.provider.exchanged.map(({ token }) => token)).size, 2)
  assert.equal(new Set(keysOf(authority)).size, 2)
})

for (const code of ['lineage_ended', 'incarnation_dead', 'certificate_expired'])
  test(`${code}: it waits for a token that it has not used, and comes back by that`, async t => {
    const { time, authority, start } = await stage(t)
    const file = join(await temporaryFolder(t), 'token')
    const { provider, url, ca } = authority
    await writeFile(file, provider.token())
    const identity = await Identity.fromEnvironment(
      { time },
      {
        LANYARD_URL: url,
        LANYARD_ROOT_SHA256: ca.rootSha256,
        LANYARD_TENANT: 'acme',
        LANYARD_IDP_TOKEN_FILE: file,
      },
    )
    t.after(() => identity.close())
    authority.refuse(403, code)
    const refused = await until<Failing>(identity, 'failing', time, 2.5 * MINUTE)
    assert.equal(refused.error.code, code)
    // Far more often than fresh tokens are tried: whoever waits for a rotation must not be lost over it.
    for (let i = 0; i < 8; i++) {
      const waiting = await until<Failing>(identity, 'failing', time, 30_000)
      assert.equal(waiting.error.code, 'idp_token_spent')
      assert.match(waiting.error.remedy, /next token/)
    }
    assert.equal(provider.exchanged.length, 1)
    const fresh = provider.token()
    await writeFile(file, fresh)
    await until(identity, 'renewed', time, 30_000)
    assert.equal(provider.exchanged[1]?.token, fresh)
    assert.equal(new Set(keysOf(authority)).size, 2)
    await start()
  })

test('a token that an earlier program has used is waited over at the start, for as long as that may take', async t => {
  const { time, authority, start } = await stage(t)
  const spent = authority.provider.token()
  await (await start({ idpToken: spent })).close()
  const refused = start({ idpToken: () => spent })
  await assert.rejects(ticking(time, refused), (error: Error & { code?: string; cause?: { code?: string } }) => {
    assert.deepEqual([error.code, error.cause?.code], ['idp_token_spent', 'token_reused'])
    assert.ok(!error.message.includes(spent))
    return true
  })
  assert.equal(authority.provider.exchanged.length, 2)
  let asked = 0
  await ticking(time, start({ idpToken: () => (++asked < 4 ? spent : authority.provider.token()) }))
  assert.equal(authority.provider.exchanged.length, 4)
})

test('tokens that are given by turns are each used once', async t => {
  const { time, authority, start } = await stage(t)
  const { provider } = authority
  const [first, second] = [provider.token(), provider.token()]
  const turns = [first, second, first, second]
  const identity = await start({ idpToken: () => turns.shift() ?? provider.token() })
  for (const code of ['lineage_ended', 'lineage_ended']) {
    authority.refuse(403, code)
    await ticking(time, once(identity, 'failing'))
    await ticking(time, once(identity, 'renewed'))
  }
  assert.equal(provider.exchanged.length, 3)
  assert.equal(new Set(provider.exchanged.map(({ token }) => token)).size, 3)
})

test('a token as text serves once: the identity is lost then, and says what to do', async t => {
  const { time, authority, start } = await stage(t)
  const identity = await start({ idpToken: authority.provider.token() })
  authority.refuse(403, 'lineage_ended')
  const { code, remedy } = await until<Lost>(identity, 'lost', time, 2.5 * MINUTE)
  assert.deepEqual([code, remedy], ['lineage_ended', 'Remedy for lineage_ended.'])
})

test('fresh tokens that are refused are not asked for without end', async t => {
  const { time, authority, start } = await stage(t)
  const identity = await start()
  for (let i = 0; i < 10; i++) authority.refuse(403, 'incarnation_dead')
  const [lost] = (await ticking(time, once(identity, 'lost'))) as [Lost]
  assert.equal(lost.code, 'incarnation_dead')
  assert.equal(authority.provider.exchanged.length, 5)
})

// What was set up wrong is said at once where a person starts the program, and got over where it runs already.
const MISTAKES: readonly (readonly [code: string, status: number])[] = [
  ['external_token_invalid', 401],
  ['idp_unknown', 401],
]
for (const [code, status] of MISTAKES)
  test(`${code}: the start fails at once; later it is tried again, with the same key while it is the same token`, async t => {
    const { time, authority, start } = await stage(t)
    authority.refuse(status, code)
    await assert.rejects(start(), { code, status, remedy: `Remedy for ${code}.` })
    const { provider } = authority
    const tokens = [provider.token(), provider.token()]
    const identity = await start({ idpToken: () => tokens[0]! })
    tokens.shift()
    authority.refuse(403, 'lineage_ended').refuse(status, code).refuse(status, code)
    await until(identity, 'failing', time, 2.5 * MINUTE)
    for (let i = 0; i < 2; i++) {
      const { error } = await until<Failing>(identity, 'failing', time, 30_000)
      assert.equal(error.code, code)
    }
    await until(identity, 'renewed', time, 30_000)
    assert.deepEqual(
      provider.exchanged.slice(2).map(({ token }) => token),
      [tokens[0], tokens[0], tokens[0]],
    )
    assert.equal(new Set(keysOf(authority).slice(2)).size, 1)
  })

for (const code of ['idp_disabled', 'agent_provenance_conflict', 'tenant_killed', 'agent_quarantined'])
  test(`${code}: nothing that the program can do would change that; renew() tries again, by the same token`, async t => {
    const { time, authority, start } = await stage(t)
    authority.refuse(403, code)
    await assert.rejects(start(), { code })
    const { provider } = authority
    const tokens = [provider.token(), provider.token()]
    const identity = await start({ idpToken: () => tokens[0]! })
    tokens.shift()
    authority.refuse(403, 'lineage_ended').refuse(403, code)
    await until(identity, 'failing', time, 2.5 * MINUTE)
    const lost = await until<Lost>(identity, 'lost', time, 1000)
    assert.equal(lost.code, code)
    await identity.renew()
    assert.equal(new Set(provider.exchanged.slice(2).map(({ token }) => token)).size, 1)
    assert.equal(new Set(keysOf(authority).slice(2)).size, 1)
  })

test('a provider that cannot be reached is waited for', async t => {
  const { time, authority, start } = await stage(t)
  authority.refuse(503, 'idp_unreachable').refuse(503, 'idp_unreachable')
  await ticking(time, start())
  assert.equal(authority.provider.exchanged.length, 3)
})

test('a reply without an agent token is none', async t => {
  const { time, authority, start } = await stage(t)
  for (const token of [undefined, 7, '', 'a b', 'a\r\nx-evil: 1']) {
    authority.provider.exchange = () => ({ token }) as never
    await assert.rejects(ticking(time, start({ startTimeoutMs: 10_000 })), { code: 'reply_invalid' })
  }
  assert.deepEqual(authority.asked, [])
})

test('neither the identity nor its errors show the token', async t => {
  const { time, authority, start } = await stage(t)
  const idpToken = authority.provider.token()
  const identity = await start({ idpToken: () => idpToken })
  authority.refuse(403, 'lineage_ended')
  await until(identity, 'failing', time, 2.5 * MINUTE)
  const failing = await until(identity, 'failing', time, 1000)
  const options = { depth: Number.POSITIVE_INFINITY, showHidden: true }
  for (const text of [inspect(identity, options), inspect(failing, options), JSON.stringify(identity)])
    assert.ok(!text.includes(idpToken))
})

const GOOD = { url: 'https://localhost:1', rootSha256: 'a'.repeat(64), tenant: 'acme', idpToken: 'a.b.c' }
const WRONG: readonly (readonly [string, object, object])[] = [
  ['no token', { idpToken: undefined }, { name: 'TypeError' }],
  ['an agent token in its place', { idpToken: undefined, token: 't' }, { name: 'TypeError' }],
  ['a token that would break out of its header', { idpToken: 'a\r\nx-evil: 1' }, { name: 'TypeError' }],
  ['no tenant', { tenant: undefined }, { code: 'name_invalid' }],
  ['a tenant that would break out of its header', { tenant: 'acme\r\nx-evil: 1' }, { code: 'name_invalid' }],
  ['plain HTTP, which would show the token to everyone', { url: 'http://localhost:1' }, { name: 'TypeError' }],
  ['a lifetime below a minute', { ttlSec: 59 }, { name: 'TypeError' }],
]

for (const [name, mistake, expected] of WRONG)
  test(`refuses ${name}`, async () => {
    await assert.rejects(Identity.fromProvider({ ...GOOD, ...mistake } as ProviderOptions), expected)
  })
