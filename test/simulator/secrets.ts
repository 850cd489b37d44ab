import {
  type AgentKey,
  exclusive,
  type LineageState,
  openSession,
  revokeSecrets,
  rotateSecret,
  type SecretCaller,
  type SecretState,
  shared,
} from '@lanyard/authority'
import { act, agentState, mint, operator, type Program, type Site, write } from './programs.ts'

export const secretState = (key: AgentKey, number: number): SecretState => ({
  ...key,
  ...{ id: idOf(number), hash: new Uint8Array(0), incarnation: 1, standing: 'current' },
  ...{ createdBy: 'server', createdAt: 0, endedAt: null },
})

/** An agent with its secret. */
export const secretCaller = ({ tenant, agent, id, incarnation }: SecretState): SecretCaller => ({
  ...{ kind: 'agent-secret', permissions: new Set(), tenant, agent, spiffeId: agentState({ tenant, agent }).spiffeId },
  ...{ secret: id, incarnation, factor: null, expiresAt: Number.MAX_SAFE_INTEGER },
})

const idOf = (number: number) => `secret-${number}`

/** What the secret opens. */
export function* session(
  site: Site,
  name: string,
  caller: SecretCaller,
  lineage: string,
): Program<LineageState | undefined> {
  const { tenant, agent } = caller
  const fresh = { lineage, jti: `jti-${lineage}` }
  const opened = yield* mint(site, name, caller, caller, (rows, told) =>
    openSession(rows, { tenant, agent }, fresh, 2_592_000, told),
  )
  return opened?.lineage
}

/** The exchange of a secret for another one. */
export function* rotate(
  site: Site,
  name: string,
  caller: SecretCaller,
  number: number,
): Program<SecretState | undefined> {
  const fresh = { id: idOf(number), hash: new Uint8Array(0) }
  return yield* act(site, name, shared(caller.tenant), caller, (rows, told) => rotateSecret(rows, fresh, told))
}

export function* revokeSecret(site: Site, name: string, key: AgentKey): Program<unknown> {
  const step = () => revokeSecrets(site.rows, key, 'stolen', operator(site.now()))
  return yield* write(site, name, exclusive(key.tenant), step)
}
