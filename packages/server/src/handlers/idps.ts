import type { Body, Handlers, Idp, Routes } from '@lanyard/api'
import {
  type Act,
  type Caller,
  createIdp,
  deleteIdp,
  exclusive,
  type IdpSettings,
  type IdpState,
  isoTime,
  requireIdp,
  requireTenantState,
  type Step,
  updateIdp,
} from '@lanyard/authority'
import { toHex } from '@lanyard/protocol'
import type { HandlerPorts } from '../http/ports.ts'
import { type AnyCall, act, urgentAct } from './call.ts'
import type { Cursors } from './cursor.ts'
import { judgeToken } from './judge-token.ts'

type Mine = 'createIdp' | 'listIdps' | 'getIdp' | 'updateIdp' | 'deleteIdp' | 'testIdp'

/** Identity providers of tenants. */
export function idpHandlers(ports: HandlerPorts, cursors: Cursors): Pick<Handlers<Routes, Caller>, Mine> {
  const { store, rows, dice, issuers } = ports
  return {
    async createIdp(call) {
      const { tenant } = call.params
      const { issuer, jwks_uri: jwksUri = null } = call.body
      await store.read(() => requireTenantState(rows, tenant, call))
      await issuers.requireAddress(jwksUri ?? issuer)
      const input = { id: toHex(dice.bytes(16)), tenant, issuer, ...settingsOf(call.body) }
      return showIdp(await change(ports, call, tenant, call.body, told => createIdp(rows, input, told)))
    },

    async listIdps({ params: { tenant }, query, caller }) {
      const { limit, cursor, enabled } = query
      await store.read(() => requireTenantState(rows, tenant, { caller }))
      const list = { route: 'listIdps', tenant: caller.tenant, filter: { tenant, enabled } } as const
      const page = cursors.page(list, { limit, cursor })
      return cursors.reply(list, await store.read(() => rows.idps.list({ tenant, enabled }, page)), showIdp)
    },

    async getIdp({ params, caller }) {
      return showIdp(await store.read(() => requireIdp(rows, params, { caller })))
    },

    async updateIdp(call) {
      const { params, body } = call
      const before = await store.read(() => requireIdp(rows, params, call))
      if (body.jwks_uri !== undefined) await issuers.requireAddress(body.jwks_uri ?? before.issuer)
      const step: Change = told => updateIdp(rows, params, settingsOf(body), told)
      return showIdp(await change(ports, call, params.tenant, body, step))
    },

    async deleteIdp(call) {
      await act(ports, call, exclusive(call.params.tenant), told => deleteIdp(rows, call.params, told))
      return undefined
    },

    async testIdp({ params, body, caller }) {
      const idp = await store.read(() => requireIdp(rows, params, { caller }))
      return await judgeToken(body.token, idp, ports)
    },
  }
}

type Change = (told: Act) => Step<IdpState>

/**
 * One change of a provider, with nobody minting in the tenant meanwhile. Where federation may begin with it, what began
 * internally may end, and that waits for nothing.
 */
async function change(
  ports: HandlerPorts,
  call: AnyCall,
  tenant: string,
  { enabled, allow_agent_federation }: Pick<Body<Routes['updateIdp']>, 'enabled' | 'allow_agent_federation'>,
  step: Change,
): Promise<IdpState> {
  const locks = exclusive(tenant)
  if (enabled !== true && allow_agent_federation !== true) return await act(ports, call, locks, step)
  return (await urgentAct(ports, call, locks, step)).done
}

const settingsOf = (body: Body<Routes['updateIdp']>): IdpSettings => ({
  jwksUri: body.jwks_uri,
  audiences: body.audiences,
  algorithms: body.algorithms,
  agentClaim: body.claim_mapping?.agentId,
  requiredClaims: body.required_claims,
  maxTokenAgeSec: body.max_token_age_sec,
  tier: body.tier,
  enabled: body.enabled,
  allowAgentFederation: body.allow_agent_federation,
})

const showIdp = (state: IdpState): Idp => ({
  id: state.id,
  tenant: state.tenant,
  issuer: state.issuer,
  jwks_uri: state.jwksUri,
  audiences: [...state.audiences],
  algorithms: [...state.algorithms] as Idp['algorithms'],
  claim_mapping: { agentId: state.agentClaim },
  required_claims: { ...state.requiredClaims } as Idp['required_claims'],
  max_token_age_sec: state.maxTokenAgeSec,
  tier: state.tier,
  enabled: state.enabled,
  allow_agent_federation: state.allowAgentFederation,
  created_by: state.createdBy,
  created_at: isoTime(state.createdAt),
  updated_by: state.updatedBy,
  updated_at: isoTime(state.updatedAt),
})
