import { jwkFromSpki, jwkThumbprint } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import type { ApiClient } from '../../client/client.ts'
import { clientFor, type Manager, type Place } from '../../client/connection.ts'
import { Misuse, refuse } from '../../problem.ts'

export interface Whose {
  readonly tenant: string | undefined
  readonly agent: string | undefined
  /** A client by the secret of the agent, and its certificate as it is then; null where there is no secret. */
  readonly bySecret: (() => Promise<ApiClient>) | null
  /** A token of the tenant's identity provider, as it is then; null where there is none. */
  readonly byProvider: (() => string) | null
}

/** How agent tokens are had: by the agent's secret, its provider, an API key or a session each time, or one that was given. */
export type TokenMaker = (spki: Uint8Array | null) => Promise<string>

/**
 * Gets agent tokens for this agent. With its secret, its provider, an API key or a session each call mints one, bound to
 * the key whose SubjectPublicKeyInfo is given; LANYARD_TOKEN is what it is, and says itself whose it is.
 */
export function tokenMaker(place: Place, whose: Whose): TokenMaker {
  const { tenant, agent, bySecret, byProvider } = whose
  if (byProvider !== null) return exchangeWith(place, byProvider, whose)
  if (tenant !== undefined && agent !== undefined) {
    // Whoever has the narrow credential of the agent itself shall use no wider one.
    if (bySecret !== null) return openWith(bySecret, tenant, agent)
    if (place.manager !== null) return mintWith(place, place.manager, tenant, agent)
    if (place.token === null)
      throw refuse(
        'credential_missing',
        'no credential: run `lanyard login`, set LANYARD_API_KEY, or give --api-key-file FILE',
      )
    throw new Misuse('LANYARD_TOKEN says whose it is: leave --tenant and --agent out, or give an API key')
  }
  if (tenant !== undefined || agent !== undefined || bySecret !== null)
    throw new Misuse('expected --tenant and --agent together')
  const { token } = place
  if (token === null) throw new Misuse('expected --tenant and --agent, or an agent token in LANYARD_TOKEN')
  return async () => token
}

/** Bound to its key, a token brings no certificate to whoever else may see it. */
const boundTo = (spki: Uint8Array | null) => spki && { jkt: jwkThumbprint(jwkFromSpki(spki), nodeCrypto) }

function openWith(connect: () => Promise<ApiClient>, tenant: string, agent: string): TokenMaker {
  return async spki => {
    const api = await connect()
    return (await api.call('POST /v1/agent/session', { body: { tenant, agent, ...boundTo(spki) } })).token
  }
}

function exchangeWith(place: Place, token: () => string, { tenant, agent, bySecret }: Whose): TokenMaker {
  if (bySecret !== null) throw new Misuse('expected the secret of the agent or a token of its provider, not both')
  if (tenant === undefined || agent !== undefined)
    throw new Misuse('--idp-token-file goes with --tenant, and without --agent: the provider says which agent it is')
  return async spki => {
    const api = clientFor(place, { bearer: token(), tenant })
    return (await api.call('POST /v1/agent/federated-bootstrap', { body: { ...boundTo(spki) } })).token
  }
}

function mintWith(place: Place, manager: Manager, tenant: string, agent: string): TokenMaker {
  const api = clientFor(place, manager)
  return async spki => {
    return (await api.call('POST /v1/agent/bootstrap', { body: { tenant, agent, ...boundTo(spki) } })).token
  }
}
