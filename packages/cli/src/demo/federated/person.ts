import { logIn } from '../../client/openid.ts'
import { refusal } from '../strangers.ts'
import { holds } from '../teller.ts'
import { LOGIN_CLIENT } from './provider.ts'
import type { Stage } from './stage.ts'

/** Ada logs in as `lanyard login` does it, and may in acme what she may not elsewhere. */
export async function logAdaIn(stage: Stage): Promise<readonly [string, undefined]> {
  const code = await bindGroup(stage)
  const token = await tokenOfAda(stage)
  const ada = stage.client({ bearer: token })
  const who = await ada.call('GET /v1/whoami', {})
  holds(who.kind === 'principal' && who.name === 'Ada', `expected Ada, got ${who.name}`)
  const { items } = await ada.call('GET /v1/agents', { query: { tenant: 'acme' } })
  holds(items.length > 0, 'expected the agents of acme')
  const elsewhere = await refusal(() => ada.call('GET /v1/agents', { query: { tenant: 'globex' } }))
  holds(elsewhere === 'permission_missing', `expected permission_missing, got ${elsewhere}`)
  const wider = await refusal(() => ada.call('POST /v1/tenants', { body: { tenant: 'initech' } }))
  const grant = who.grants.map(({ role, tenant }) => `${role} of ${tenant}`).join(', ')
  return [
    `${code}\nAda, by her group: ${grant}\nagents of acme → ${items.length}; of globex → ${elsewhere}; a new tenant → ${wider}`,
    undefined,
  ]
}

/** Lets the provider vouch for people, and whoever is in its group `sre` operate acme. */
async function bindGroup({ scene: { admin }, provider, audience }: Stage): Promise<string> {
  const login = { client_id: LOGIN_CLIENT, scopes: ['openid'] }
  const body = { issuer: provider.issuer, audiences: [audience], login }
  const { id: issuer } = await admin.call('POST /v1/access/issuers', { body })
  const binding = { kind: 'group', issuer, value: 'sre', role: 'operator', tenant: 'acme' } as const
  await admin.call('POST /v1/access/bindings', { body: binding })
  return `group sre of ${provider.issuer} → operator of acme`
}

async function tokenOfAda(stage: Stage): Promise<string> {
  const { provider, scene } = stage
  const { issuers } = await stage.client().call('GET /v1/login', {})
  holds(issuers.length === 1, `expected one issuer to log in at, got ${issuers.length}`)
  const { issuer, client_id, audience, scopes } = issuers[0]!
  const at = { issuer, client_id, audience, issuer_ca: provider.caPem }
  const stopped = new AbortController()
  scene.onClose(async () => stopped.abort())
  const confirmed: Promise<void>[] = []
  const show = ({ user_code }: { readonly user_code: string }) =>
    void confirmed.push(provider.approve(user_code, 'ada'))
  const { access_token } = await logIn(at, scopes, { show, stopped: stopped.signal, now: Date.now })
  await Promise.all(confirmed)
  return access_token
}
