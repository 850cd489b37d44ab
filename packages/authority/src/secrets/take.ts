import { type Act, actorOfSecret } from '../caller.ts'
import { eventOf } from '../event.ts'
import { takeLineages } from '../kill/take.ts'
import type { Toll } from '../kill/toll.ts'
import type { AgentKey, Rows, SecretState, Step } from '../ports.ts'

/** What was taken with a secret. */
export interface TakenSecrets {
  /** Ids of those that counted until now: one at most, since an agent has one. */
  readonly secrets: readonly string[]
  /** How many lineages ended. */
  readonly lineages: number
  /** Serials of the certificates that were alive. */
  readonly revoked: readonly string[]
}

const PREFIX = actorOfSecret('')

/**
 * Ends all that the secrets of an agent opened, and the one that counts. Also of secrets that nobody remembers any
 * more: it goes by the lineages. As a part of an act that settles by itself.
 */
export function* takeSecrets(rows: Rows, toll: Toll, agent: AgentKey, reason: string, act: Act): Step<TakenSecrets> {
  const current = yield* rows.secrets.current(agent)
  return yield* take(rows, toll, { agent, current, minted: by => by.startsWith(PREFIX) }, reason, act)
}

/** The same for one secret and those that it was exchanged for, by whomever: the agent's further ones go on. */
export function* takeSecret(rows: Rows, toll: Toll, secret: SecretState, reason: string, act: Act): Step<TakenSecrets> {
  const heirs = yield* heirsOf(rows, secret)
  const current = heirs.find(({ standing }) => standing === 'current')
  const minters = new Set(heirs.map(({ id }) => actorOfSecret(id)))
  return yield* take(rows, toll, { agent: secret, current, minted: by => minters.has(by) }, reason, act)
}

/** The secret, and what came of it by rotation. */
function* heirsOf(rows: Rows, secret: SecretState): Step<readonly SecretState[]> {
  const successors = new Map((yield* rows.secrets.ofAgent(secret)).map(state => [state.createdBy, state]))
  const heirs = [secret]
  for (
    let next = successors.get(actorOfSecret(secret.id));
    next !== undefined;
    next = successors.get(actorOfSecret(next.id))
  )
    heirs.push(next)
  return heirs
}

interface Aim {
  readonly agent: AgentKey
  readonly current: SecretState | undefined
  minted(by: string): boolean
}

function* take(rows: Rows, toll: Toll, { agent, current, minted }: Aim, reason: string, act: Act): Step<TakenSecrets> {
  const lineages = (yield* rows.lineages.ofAgent(agent)).filter(({ mintedBy }) => minted(mintedBy))
  const revoked = yield* takeLineages(rows, toll, lineages, reason, act)
  if (current) yield* rows.secrets.end(current.id, 'revoked', act.at)
  const secrets = current ? [current.id] : []
  toll.tookAgent(agent)
  const detail = { reason, secrets, lineages: lineages.length, revoked: revoked.length }
  yield* rows.events.append(eventOf(act, 'secret.revoked', agent, detail))
  if (revoked.length > 0) yield* rows.events.append(eventOf(act, 'cert.revoked', agent, { reason, revoked }))
  return { secrets, lineages: lineages.length, revoked }
}
