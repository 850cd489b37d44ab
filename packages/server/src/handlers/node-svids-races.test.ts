import { after, before, test } from 'node:test'
import { generateKeyNow } from '@lanyard/protocol/node'
import { adminCalls } from '../testing/admin-calls.ts'
import { csrOf, type HttpHarness, openHttp } from '../testing/http.ts'
import { type HeldNode, joinNode } from '../testing/nodes.ts'

let server: HttpHarness
let admin: string
let node: HeldNode
/** What happens between the look at an entry and the record of what was made of it. */
let meanwhile: () => Promise<unknown> = async () => {}

before(async () => {
  server = await openHttp({
    parts: parts => ({
      ...parts,
      authorities: interrupted(parts.authorities, 'svidSigner'),
      issuing: interrupted(parts.issuing, 'issue'),
    }),
  })
  admin = await server.apiKey('admin')
  await server.agent({ tenant: 'acme', agent: 'invoice' })
  node = await joinNode(server, { name: 'n1', tenant: 'acme' })
})
after(() => server.close())

const { ok, refused } = adminCalls(
  () => server,
  () => admin,
)

/** The same object, in which one method waits for what happens meanwhile; where it gives a signer, the signature does. */
function interrupted<T extends object>(target: T, method: keyof T): T {
  return new Proxy(target, {
    get(_, name) {
      const value = target[name as keyof T]
      if (typeof value !== 'function') return value
      if (name !== method) return value.bind(target)
      return (...rest: unknown[]) => {
        const given = name === 'svidSigner' ? value.call(target) : null
        if (given === null) return meanwhile().then(() => value.call(target, ...rest))
        const { signer } = given
        const sign = async (...bytes: unknown[]) => meanwhile().then(() => signer.sign(...bytes))
        return {
          ...given,
          signer: { algorithm: signer.algorithm, publicKey: signer.publicKey, spki: signer.spki, sign },
        }
      }
    },
  })
}

let uid = 0
const entryOf = async (settings: object = {}): Promise<string> =>
  (
    await ok('POST /v1/entries', 201, {
      tenant: 'acme',
      agent: 'invoice',
      selectors: [`unix:uid:${++uid}`],
      ...settings,
    })
  ).id

async function asked(entry: string, change: () => Promise<unknown>) {
  const once = async () => {
    meanwhile = async () => {}
    await change()
  }
  const asNode = { token: undefined, tls: node }
  const ask = {
    x509: async () => ['POST /v1/node/svids/x509', { entry, csr: await csrOf(generateKeyNow('P-256')) }] as const,
    jwt: async () => ['POST /v1/node/svids/jwt', { entry, audience: ['billing'] }] as const,
  }
  return async (kind: keyof typeof ask, code: string) => {
    const [call, body] = await ask[kind]()
    meanwhile = once
    await refused(code, call, body, asNode)
    await ok(call, 201, body, asNode)
  }
}

test('no certificate comes with a name that its entry has lost', async () => {
  const entry = await entryOf({ dns_names: ['a.svc.test'] })
  const refusedWhile = await asked(entry, () => ok(`PATCH /v1/entries/${entry}`, 200, { dns_names: [] }))
  await refusedWhile('x509', 'not_ready')
})

test('no token comes with the life of a tier that its agent has lost', async () => {
  const entry = await entryOf()
  const refusedWhile = await asked(entry, () => ok('PATCH /v1/agents/acme/invoice', 200, { tier: 'restricted' }))
  await refusedWhile('jwt', 'not_ready')
})

test('no token comes with the life that its entry has lost', async () => {
  const entry = await entryOf()
  const refusedWhile = await asked(entry, () => ok(`PATCH /v1/entries/${entry}`, 200, { jwt_ttl_sec: 60 }))
  await refusedWhile('jwt', 'not_ready')
})
