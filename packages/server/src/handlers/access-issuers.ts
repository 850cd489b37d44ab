import { type AccessIssuer, type Body, type Handlers, LanyardError, type Routes } from '@lanyard/api'
import {
  type Caller,
  createIssuer,
  deleteIssuer,
  type IssuerSettings,
  type IssuerState,
  isoTime,
  type ManagerAct,
  maySee,
  updateIssuer,
} from '@lanyard/authority'
import { toHex } from '@lanyard/protocol'
import type { HandlerPorts } from '../http/ports.ts'
import { sealSecret } from '../issuers/sealed-secret.ts'
import { act, byManager, exclusiveOf, exclusiveWithin, tenantOfList } from './call.ts'
import type { Cursors } from './cursor.ts'

type Mine = 'createIssuer' | 'listIssuers' | 'updateIssuer' | 'deleteIssuer'

/** Who vouches for people and programs. */
export function accessIssuerHandlers(ports: HandlerPorts, cursors: Cursors): Pick<Handlers<Routes, Caller>, Mine> {
  const { store, rows, dice, crypto, issuers, sealingSecret } = ports
  const requireAddresses = async (...urls: readonly (string | null | undefined)[]) => {
    for (const url of urls) if (url != null) await issuers.requireAddress(url)
  }
  return {
    async createIssuer(call) {
      const { issuer, tenant, ...said } = call.body
      const id = toHex(dice.bytes(16))
      const settings = { ...settingsOf(said, id, sealingSecret), audiences: said.audiences }
      requireWhole(settings.introspection, settings.introspectionSecret)
      await requireAddresses(said.jwks_uri ?? issuer, said.introspection?.url)
      const locks = exclusiveOf(tenant ?? call.caller.tenant)
      const input = { issuer, tenant, settings }
      return showIssuer(await act(ports, byManager(call), locks, told => createIssuer(rows, id, input, told)))
    },

    async listIssuers({ query, caller }) {
      const { limit, cursor, tenant } = query
      const filter = { tenant: await tenantOfList(ports, caller, tenant) }
      const list = { route: 'listIssuers', tenant: caller.tenant, filter } as const
      const page = cursors.page(list, { limit, cursor })
      return cursors.reply(list, await store.read(() => rows.issuers.list(filter, page)), showIssuer)
    },

    async updateIssuer(call) {
      const { id } = call.params
      const before = await store.read(() => rows.issuers.find(id))
      if (before === undefined || !maySee(call.caller, before.tenant))
        throw new LanyardError('issuer_unknown', 'there is no such issuer')
      const change = settingsOf(call.body, id, sealingSecret)
      requireWhole(
        change.introspection === undefined ? before.introspection : change.introspection,
        change.introspectionSecret,
      )
      await requireAddresses(call.body.jwks_uri === null ? before.issuer : change.jwksUri, change.introspection?.url)
      const step = (told: ManagerAct) => updateIssuer(rows, id, change, crypto, told)
      return showIssuer(await act(ports, byManager(call), exclusiveWithin(call.caller), step))
    },

    async deleteIssuer(call) {
      const step = (told: ManagerAct) => deleteIssuer(rows, call.params.id, crypto, told)
      await act(ports, byManager(call), exclusiveWithin(call.caller), step)
      return undefined
    },
  }
}

/**
 * What was said, and nothing else: what is left out stays as it is. The secret is sealed for the issuer that it is of.
 */
function settingsOf(body: Body<Routes['updateIssuer']>, id: string, key: Uint8Array): Partial<IssuerSettings> {
  const { introspection, login, introspection_secret: secret } = body
  const settings = {
    jwksUri: body.jwks_uri,
    audiences: body.audiences,
    algorithms: body.algorithms,
    claims: body.claims,
    maxTokenAgeSec: body.max_token_age_sec,
    introspection: introspection && { url: introspection.url, clientId: introspection.client_id },
    introspectionSecret: secret === undefined ? undefined : sealSecret(secret, id, key),
    login: login && { clientId: login.client_id, scopes: login.scopes },
    enabled: body.enabled,
  }
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))
}

function requireWhole(
  introspection: IssuerSettings['introspection'] | undefined,
  secret: IssuerSettings['introspectionSecret'] | undefined,
): void {
  if (secret == null || introspection != null) return
  const message = 'expected `introspection` with it'
  throw new LanyardError('body_invalid', message, { errors: [{ path: 'introspection_secret', message }] })
}

const showIssuer = (state: IssuerState): AccessIssuer => ({
  id: state.id,
  issuer: state.issuer,
  tenant: state.tenant,
  jwks_uri: state.jwksUri,
  audiences: [...state.audiences],
  algorithms: [...state.algorithms] as AccessIssuer['algorithms'],
  claims: { ...state.claims },
  max_token_age_sec: state.maxTokenAgeSec,
  introspection: state.introspection && { url: state.introspection.url, client_id: state.introspection.clientId },
  login: state.login && { client_id: state.login.clientId, scopes: [...state.login.scopes] },
  enabled: state.enabled,
  created_by: state.createdBy,
  created_at: isoTime(state.createdAt),
  updated_by: state.updatedBy,
  updated_at: isoTime(state.updatedAt),
})
