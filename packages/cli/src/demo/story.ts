import { once } from 'node:events'
import { agentId, type Identity } from '@lanyard/sdk'
import { dropStream, verifyTheReceipt } from './kill.ts'
import { Scene } from './scene.ts'
import { meet, type Service } from './service.ts'
import { callWithoutCertificate, copyOf, refusal, renewCopy } from './strangers.ts'
import { holds, type Teller } from './teller.ts'

interface Agents {
  readonly planner: Identity
  readonly invoice: Identity
  readonly trader: Identity
}

/** The whole story, told line by line. What it opens is the scene's, which the caller closes. */
export async function tellStory(teller: Teller): Promise<Scene> {
  const scene = await teller.open('An authority comes up on an empty folder', openScene)
  try {
    await teller.step('Two tenants and three agents are registered', () => register(scene))
    const agents = await teller.step('The agents get their certificates', () => getCertificates(scene))
    const service = await teller.step('Two agents of acme meet over mutual TLS, both ways', () => meet(scene, agents))
    await teller.step('globex is refused at the door of acme', () => refuseForeigner(agents, service))
    await teller.step('A client without a certificate is refused before it', () => refuseNobody(scene, service))
    await teller.step('A key that the tenant does not allow is refused', () => refuseKey(scene))
    await teller.step('Both sides renew during an open stream', () => renewInStream(agents, service))
    await teller.step('A copied certificate that renews too freezes its lineage', () => catchCopy(scene, agents))
    const drop = () => dropStream(scene, agents.invoice, service)
    const incident = await teller.step('An agent is killed, and the stream that it has open drops', drop)
    const verify = () => verifyTheReceipt(scene, incident)
    await teller.step('The signed receipt is verified with the root alone', verify)
    return scene
  } catch (error) {
    await scene.close()
    throw error
  }
}

async function openScene(): Promise<readonly [string, Scene]> {
  const scene = await Scene.open()
  const { url, trustDomain, rootSha256 } = scene.server
  holds((await fetchReady(scene)) === 'ready', 'expected the authority to be ready')
  return [`${url}, trust domain ${trustDomain}\nroot ${rootSha256}`, scene]
}

const fetchReady = async (scene: Scene) => (await scene.admin.call('GET /readyz', {})).status

async function register({ admin }: Scene): Promise<readonly [string, undefined]> {
  for (const name of ['acme', 'globex']) await admin.call('POST /v1/tenants', { body: { tenant: name } })
  const agents = [
    { tenant: 'acme', agent: 'planner', tier: 'platinum' },
    { tenant: 'acme', agent: 'invoice', tier: 'silver' },
    { tenant: 'globex', agent: 'trader', tier: 'restricted' },
  ] as const
  for (const body of agents) await admin.call('POST /v1/agents', { body })
  const { items } = await admin.call('GET /v1/agents', {})
  holds(items.length === 3 && items.every(({ lifecycle }) => lifecycle === 'pending'), 'expected three pending agents')
  return [items.map(({ spiffe_id, tier }) => `${spiffe_id}  ${tier}`).join('\n'), undefined]
}

async function getCertificates(scene: Scene): Promise<readonly [string, Agents]> {
  const [planner, invoice, trader] = await Promise.all([
    scene.agent('acme', 'planner'),
    scene.agent('acme', 'invoice'),
    scene.agent('globex', 'trader'),
  ])
  const lives = [planner, invoice, trader].map(lifetimeOf)
  holds(lives.join() === '600,300,60', `expected lifetimes of 600, 300 and 60 seconds, got ${lives.join()}`)
  const lines = [planner, invoice, trader].map(
    ({ id, svid }, at) => `${id.path}  ${svid.tier}, ${lives[at]} s, serial ${svid.serial}`,
  )
  return [lines.join('\n'), { planner, invoice, trader }]
}

// Issued at t: from t - 10 to t + life - 1, both ends counted.
const lifetimeOf = ({ svid }: Identity) => svid.notAfter - svid.notBefore + 1 - 10

async function refuseForeigner({ trader, invoice }: Agents, { url }: Service): Promise<readonly [string, undefined]> {
  const reply = await trader.fetch(url, { peer: agentId(invoice.id) })
  const { code } = (await reply.json()) as { code?: string }
  holds(reply.status === 403 && code === 'peer_not_allowed', `expected peer_not_allowed, got ${reply.status} ${code}`)
  return [`${trader.id} → ${reply.status} ${code}`, undefined]
}

async function refuseNobody({ rootPem }: Scene, { url }: Service): Promise<readonly [string, undefined]> {
  const alert = await callWithoutCertificate(url, rootPem)
  holds(alert.includes('CERTIFICATE_REQUIRED'), `expected the alert certificate_required, got ${alert}`)
  return [`TLS alert: ${alert}`, undefined]
}

async function refuseKey(scene: Scene): Promise<readonly [string, undefined]> {
  const code = await refusal(() => scene.agent('acme', 'invoice', 'P-256'))
  holds(code === 'key_type_forbidden', `expected key_type_forbidden, got ${code}`)
  return [`an EC key under the policy rsa-only → ${code}`, undefined]
}

async function renewInStream({ planner, invoice }: Agents, service: Service): Promise<readonly [string, undefined]> {
  const before = [planner.svid.serial, invoice.svid.serial]
  const stream = await planner.fetch(`${service.url}/stream`, { peer: agentId(invoice.id) })
  const lines = stream.body!.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]()
  service.sendLine('before')
  holds((await lines.next()).value === 'before\n', 'expected the stream to begin')
  await Promise.all([planner.renew(), invoice.renew()])
  service.sendLine('after')
  holds((await lines.next()).value === 'after\n', 'expected the stream to go on')
  await lines.return?.()
  const after = [planner.svid.serial, invoice.svid.serial]
  holds(
    after.every((serial, at) => serial !== before[at]),
    'expected new serials',
  )
  const fresh = await planner.fetch(service.url, { peer: agentId(invoice.id) })
  holds(fresh.status === 200, 'expected a new request to be answered after renewal')
  await fresh.text()
  const shown = ['planner', 'invoice'].map((name, at) => `${name}: ${before[at]} → ${after[at]}`)
  return [`the stream went on\n${shown.join('\n')}`, undefined]
}

async function catchCopy(scene: Scene, { planner }: Agents): Promise<readonly [string, undefined]> {
  const { url } = scene.server
  const copy = await renewCopy(url, scene.rootPem, copyOf(planner.svid))
  const lost = once(planner, 'lost')
  const original = await refusal(() => planner.renew())
  holds(original === 'lineage_forked', `expected lineage_forked, got ${original}`)
  await lost
  const thief = await refusal(() => renewCopy(url, scene.rootPem, copy))
  holds(thief === 'lineage_forked', `expected lineage_forked for the thief, got ${thief}`)
  const query = { tenant: 'acme', agent: 'planner', type: 'lineage.forked' as const }
  const { items } = await scene.admin.call('GET /v1/events', { query })
  holds(items.length === 1, `expected one event, got ${items.length}`)
  return [
    `the copy renewed first; the original → ${original}; the copy again → ${thief}\nevent ${items[0]!.type} at ${items[0]!.at}`,
    undefined,
  ]
}
