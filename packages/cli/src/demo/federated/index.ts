import type { Identity } from '@lanyard/sdk'
import type { Scene } from '../scene.ts'
import { meet } from '../service.ts'
import { refusal } from '../strangers.ts'
import { holds, type Teller } from '../teller.ts'
import { compromise, readReceipt } from './compromise.ts'
import { logAdaIn } from './person.ts'
import { Stage } from './stage.ts'
import { refuseOthers, tryToken } from './tokens.ts'

/** The story of `lanyard demo --federated`. What it opens is the scene's, which the caller closes. */
export async function tellFederatedStory(teller: Teller): Promise<Scene> {
  const stage = await teller.open('An authority comes up, and beside it an OpenID provider', openStage)
  const { scene } = stage
  try {
    const legacy = await teller.step('An agent works with an identity that we minted', () => beginInternally(stage))
    const idp = await teller.step('acme names its provider, and tries a token on it', () => tryToken(stage))
    await teller.step('acme forbids us to mint: what we minted ends', () => forbid(stage, idp, legacy))
    await teller.step('Our minter refuses, the admin too', () => refuseToMint(stage))
    const agents = await teller.step('Two agents get in by tokens of their provider', () => comeBy(stage))
    await teller.step('They meet over mutual TLS, both ways', async () => {
      const [saw] = await meet(scene, agents)
      return [saw, undefined]
    })
    await teller.step('Tokens that do not count are refused', () => refuseOthers(stage))
    await teller.step('A person logs in by the device flow, with a role in one tenant', () => logAdaIn(stage))
    const incident = await teller.step('The provider is compromised: one kill ends all that it opened', () =>
      compromise(stage, idp, agents.planner),
    )
    await teller.step('The signed receipt is verified with the root alone', () => readReceipt(scene, incident))
    return scene
  } catch (error) {
    await scene.close()
    throw error
  }
}

async function openStage(): Promise<readonly [string, Stage]> {
  const stage = await Stage.open()
  const { url, rootSha256 } = stage.scene.server
  return [`${url}, root ${rootSha256}\nprovider ${stage.provider.issuer}`, stage]
}

async function beginInternally({ scene }: Stage): Promise<readonly [string, Identity]> {
  const { admin } = scene
  for (const tenant of ['acme', 'globex']) await admin.call('POST /v1/tenants', { body: { tenant } })
  await admin.call('POST /v1/agents', { body: { tenant: 'acme', agent: 'legacy' } })
  const legacy = await scene.agent('acme', 'legacy')
  return [`${legacy.id}, serial ${legacy.svid.serial}`, legacy]
}

async function forbid({ scene }: Stage, id: string, legacy: Identity): Promise<readonly [string, undefined]> {
  const { admin } = scene
  const params = { tenant: 'acme' }
  await admin.call('PATCH /v1/tenants/{tenant}/admission', { params, body: { on_federation: 'end' } })
  const body = { allow_agent_federation: true }
  await admin.call('PATCH /v1/tenants/{tenant}/idps/{id}', { params: { ...params, id }, body })
  const { federation_required, internal_lineages } = await admin.call('GET /v1/tenants/{tenant}/admission', { params })
  holds(federation_required && internal_lineages === 0, `expected no internal lineage, got ${internal_lineages}`)
  const code = await refusal(() => legacy.renew())
  return [`${internal_lineages} internal lineages go on; legacy renews → ${code}`, undefined]
}

async function refuseToMint({ scene }: Stage): Promise<readonly [string, undefined]> {
  const code = await refusal(() => scene.token('acme', 'legacy'))
  holds(code === 'federation_required', `expected federation_required, got ${code}`)
  return [`POST /v1/agent/bootstrap with the admin key → 403 ${code}`, undefined]
}

interface Agents {
  readonly planner: Identity
  readonly invoice: Identity
}

async function comeBy(stage: Stage): Promise<readonly [string, Agents]> {
  const [planner, invoice] = await Promise.all([stage.agent('planner'), stage.agent('invoice')])
  const query = { tenant: 'acme', provenance: `federated:${stage.provider.issuer}` }
  const { items } = await stage.scene.admin.call('GET /v1/agents', { query })
  holds(items.length === 2, `expected two agents of the provider, got ${items.length}`)
  const lines = items.map(({ agent, identity_provenance }) => `${agent}  ${identity_provenance}`)
  return [lines.join('\n'), { planner, invoice }]
}
