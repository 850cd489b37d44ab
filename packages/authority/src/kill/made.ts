import { tellBinding } from '../access/bind.ts'
import { switchOffIssuer } from '../access/issuers.ts'
import { usersOf } from '../access/principal-id.ts'
import type { Act } from '../caller.ts'
import { eventOf } from '../event.ts'
import { takeNode } from '../nodes/ends.ts'
import type { Rows, Step } from '../ports.ts'
import { takeSecret } from '../secrets/take.ts'
import { takeLinked } from './take.ts'
import type { Toll } from './toll.ts'
import { takeTrusted } from './trusted.ts'

/** Nodes that are taken between two looks for more. */
const NODES = 200

const tenantOf = ({ caller }: Act) => (caller === 'server' ? null : caller.tenant)

/** Ends an API key with all keys that it made, and what they made. */
export function* takeApiKey(rows: Rows, toll: Toll, id: string, reason: string, act: Act): Step<void> {
  const root = yield* rows.apiKeys.find(id)
  for (const key of yield* rows.apiKeys.revokeTree(id, act.at)) {
    yield* rows.events.append(eventOf(act, 'apikey.revoked', { tenant: root?.tenant ?? null }, { id: key, reason }))
    yield* takeMade(rows, toll, `api-key:${key}`, reason, act)
  }
}

/**
 * Shuts a person or a program out, with what it made, within the tenant that the caller sees: whoever administers one
 * tenant shuts nobody out of another.
 */
export function* takePrincipal(rows: Rows, toll: Toll, id: string, reason: string, act: Act): Step<void> {
  const tenant = tenantOf(act)
  yield* rows.barredPrincipals.bar(id, { at: act.at, reason, tenant })
  yield* rows.events.append(eventOf(act, 'principal.barred', { tenant }, { id, reason }))
  yield* takeAllOf(rows, toll, `principal:${id}`, reason, act)
}

function* takeAllOf(rows: Rows, toll: Toll, maker: string, reason: string, act: Act): Step<void> {
  const tenant = tenantOf(act)
  for (const key of yield* rows.apiKeys.madeBy(maker)) {
    const state = yield* rows.apiKeys.find(key)
    if (tenant === null || state?.tenant === tenant) yield* takeApiKey(rows, toll, key, reason, act)
  }
  yield* takeMade(rows, toll, maker, reason, act)
}

/**
 * Switches an issuer off, and ends what all its users made: who could say who somebody is could be them. They are not
 * shut out: they come again when it vouches again.
 */
export function* takeIssuer(rows: Rows, toll: Toll, id: string, reason: string, act: Act): Step<void> {
  if (yield* switchOffIssuer(rows, id, reason, act)) toll.switchedOff.push(`issuer:${id}`)
  const makers = yield* rows.makers.beginning(`principal:${usersOf(id)}`)
  for (const maker of makers) yield* takeAllOf(rows, toll, maker, reason, act)
}

/**
 * Ends what one maker made: lineages that it opened, join tokens, the nodes that joined with these, secrets of agents
 * with what they were exchanged for, the roles that it gave, and whoever vouches by its word. Whoever stole its
 * credential would else stay: as an agent, as a machine, or as somebody else.
 */
function* takeMade(rows: Rows, toll: Toll, maker: string, reason: string, act: Act): Step<void> {
  const tenant = tenantOf(act)
  yield* takeLinked(rows, toll, { by: { mintedBy: maker }, tenant }, reason, act)
  yield* rows.joinTokens.removeOf(maker, tenant)
  yield* takeMadeNodes(rows, toll, maker, reason, act)
  yield* takeMadeSecrets(rows, toll, maker, reason, act)
  yield* takeMadeBindings(rows, maker, reason, act)
  yield* takeTrusted(rows, toll, maker, reason, act)
}

function* takeMadeSecrets(rows: Rows, toll: Toll, maker: string, reason: string, act: Act): Step<void> {
  const tenant = tenantOf(act)
  for (const secret of yield* rows.secrets.madeBy(maker))
    if (tenant === null || secret.tenant === tenant) yield* takeSecret(rows, toll, secret, reason, act)
}

function* takeMadeNodes(rows: Rows, toll: Toll, maker: string, reason: string, act: Act): Step<void> {
  for (;;) {
    const nodes = yield* rows.nodes.joinedBy(maker, NODES, tenantOf(act))
    for (const node of nodes) yield* takeNode(rows, toll, node, reason, act)
    if (nodes.length < NODES) return
  }
}

function* takeMadeBindings(rows: Rows, maker: string, reason: string, act: Act): Step<void> {
  const { caller } = act
  const tenant = tenantOf(act)
  // Or the one who acts would be locked out by the act.
  const own = caller !== 'server' && caller.kind === 'principal' ? caller.grants.map(({ binding }) => binding) : []
  for (const binding of yield* rows.bindings.madeBy(maker)) {
    if (own.includes(binding.id) || (tenant !== null && binding.tenant !== tenant)) continue
    yield* rows.bindings.remove(binding.id)
    const detail = { ...tellBinding(binding), reason }
    yield* rows.events.append(eventOf(act, 'binding.deleted', { tenant: binding.tenant }, detail))
  }
}
