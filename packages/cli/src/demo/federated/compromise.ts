import type { Identity } from '@lanyard/sdk'
import { judge } from '../../commands/receipt/judge.ts'
import { count } from '../../layout.ts'
import { dropOf, ms, openStream, receiptOf, untilEnrolled } from '../kill.ts'
import type { Scene } from '../scene.ts'
import { serveStream } from '../service.ts'
import { refusal } from '../strangers.ts'
import { holds } from '../teller.ts'
import type { Stage } from './stage.ts'

/** Kills the provider while an agent of it reads a stream of another tenant's agent, which we minted; gives the incident. */
export async function compromise(stage: Stage, idp: string, planner: Identity): Promise<readonly [string, string]> {
  const { scene, provider } = stage
  const { admin } = scene
  await admin.call('POST /v1/agents', { body: { tenant: 'globex', agent: 'trader' } })
  const trader = await scene.agent('globex', 'trader')
  const service = await serveStream(scene, trader, 'acme')
  await openStream(planner, trader, service)
  await untilEnrolled(scene, trader)
  const cut = service.streamEnd()
  const sent = performance.now()
  const body = { minted_by: `idp:${idp}`, reason: 'the demo stole its key' }
  const { incident } = await admin.call('POST /v1/kill', { body })
  const durable = performance.now() - sent
  const dropped = await dropOf(cut)
  const renewal = await refusal(() => planner.renew())
  const token = await refusal(async () => stage.exchange(await provider.clientToken('planner')))
  holds(token === 'idp_disabled', `expected idp_disabled, got ${token}`)
  const { enabled } = await admin.call('GET /v1/tenants/{tenant}/idps/{id}', { params: { tenant: 'acme', id: idp } })
  holds(!enabled, 'expected a provider that is switched off')
  const shown = `kill sent → durable after ${ms(durable)} → stream cut by globex after ${ms(dropped - sent)}`
  return [`${shown}\nplanner renews → ${renewal}; a new token of the provider → ${token}`, incident]
}

/** Waits for the receipt, and verifies it with the root certificate and nothing else. */
export async function readReceipt(scene: Scene, incident: string): Promise<readonly [string, undefined]> {
  const token = await receiptOf(scene, incident)
  const verdict = judge({ receipt: Buffer.from(token), roots: Buffer.from(scene.rootPem), trustDomain: undefined })
  holds(verdict.valid, 'expected a valid receipt')
  const { receipt, signer } = verdict.verified
  holds(receipt.cut > 0, 'expected a connection that was cut')
  return [
    `${count(receipt.points.length, 'enforcement point')}, ${count(receipt.cut, 'connection')} cut, signed by ${signer}`,
    undefined,
  ]
}
