import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Certificate, decodePem } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import { serverConfig } from '../../packages/server/src/config.ts'
import { openIssuers } from '../../packages/server/src/issuers/index.ts'
import type { TokenSource } from '../../packages/server/src/issuers/ports.ts'
import { CLIENT_SECRET, OidcProvider, OPAQUE } from '../support/oidc-provider.ts'

let provider: OidcProvider
/** Milliseconds by which our clock is ahead. */
let ahead = 0
before(async () => {
  provider = await OidcProvider.start({
    users: { ada: { name: 'Ada', groups: ['operators'] } },
    clients: { worker: { team: 'blue' } },
  })
})
after(() => provider.close())

const open = (idp: object = { allow_addresses: ['127.0.0.0/8', '::1/128'] }) =>
  openIssuers({
    settings: serverConfig({ idp }).idp,
    roots: decodePem(provider.caPem, { labels: ['CERTIFICATE'] }).map(({ der }) => Certificate.fromDer(der)),
    clock: { now: () => Date.now() + ahead },
    crypto: nodeCrypto,
    log: { debug() {}, info() {}, warn() {}, error() {} },
  })

const source = (): TokenSource => ({
  issuer: provider.issuer,
  jwksUri: null,
  owner: null,
  audiences: [provider.audience],
  algorithms: ['RS256'],
  maxTokenAgeSec: 3600,
})

test('a token of a client and one of a person are verified by keys that discovery finds', async () => {
  const issuers = open()
  const { claims } = await issuers.verify(await provider.clientToken('worker'), source())
  assert.deepEqual([claims.sub, claims.team], ['worker', 'blue'])
  const person = await issuers.verify(await provider.userToken('ada'), source())
  assert.deepEqual([person.claims.sub, person.claims.groups], ['ada', ['operators']])
  await assert.rejects(issuers.verify(await provider.clientToken('worker', 'https://other.example'), source()), {
    code: 'external_token_invalid',
  })
})

test('an opaque token is asked about, until it is revoked and half a minute has passed', async () => {
  const issuers = open()
  const asked = { url: provider.introspectionUrl, clientId: 'lanyard', clientSecret: CLIENT_SECRET }
  const token = await provider.userToken('ada', `${OPAQUE}api`)
  assert.equal((await issuers.introspect(token, asked)).claims.sub, 'ada')
  await provider.revoke(token, 'public-of-tests').catch(() => {})
  await assert.rejects(issuers.introspect(token, { ...asked, clientSecret: 'another' }), {
    code: 'introspection_failed',
  })
  const client = await provider.clientToken('worker', `${OPAQUE}api`)
  assert.equal((await issuers.introspect(client, asked)).claims.client_id, 'worker')
  await provider.revoke(client, 'worker')
  ahead = 31_000
  await assert.rejects(issuers.introspect(client, asked), { code: 'unauthenticated' })
  ahead = 0
})

test('it rotates its keys, goes away, comes back, and calls itself otherwise', async () => {
  const issuers = open({ allow_addresses: ['127.0.0.0/8', '::1/128'], stale_sec: 60 })
  const known = source()
  await issuers.verify(await provider.clientToken('worker'), known)
  provider.rotate()
  await issuers.verify(await provider.clientToken('worker'), known)
  const token = await provider.clientToken('worker')
  await provider.leave()
  await issuers.verify(token, known)
  ahead = 61_000
  await assert.rejects(issuers.verify(token, known), { code: 'idp_unreachable' })
  await provider.comeBack()
  ahead = 70_000
  await issuers.verify(token, known)
  const { issuer } = provider
  provider.rename(`${issuer}/renamed`)
  await assert.rejects(issuers.verify(await provider.clientToken('worker'), known), { code: 'external_token_invalid' })
  provider.rename(issuer)
  ahead = 0
})

test('it lies on this machine: without being listed it is not asked', async () => {
  const before = provider.asked.size
  const issuers = open({})
  await assert.rejects(issuers.verify(await provider.sign(), { ...source(), jwksUri: provider.jwksUri }), {
    code: 'idp_address_forbidden',
  })
  await assert.rejects(issuers.requireAddress(provider.jwksUri), { code: 'idp_address_forbidden' })
  assert.equal(provider.asked.size, before)
})
