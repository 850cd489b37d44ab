import { type AccessBinding, type Bindee, type Handlers, LanyardError, type Routes } from '@lanyard/api'
import {
  type BindingState,
  type Caller,
  createBinding,
  deleteBinding,
  isoTime,
  type ManagerAct,
} from '@lanyard/authority'
import { canonicalDistinguishedName, ProtocolError, parseDnsName, SpiffeId, toHex } from '@lanyard/protocol'
import type { HandlerPorts } from '../http/ports.ts'
import { act, byManager, exclusiveOf, exclusiveWithin, tenantOfList } from './call.ts'
import type { Cursors } from './cursor.ts'

type Mine = 'createBinding' | 'listBindings' | 'deleteBinding'

/** Who has which role. */
export function accessBindingHandlers(ports: HandlerPorts, cursors: Cursors): Pick<Handlers<Routes, Caller>, Mine> {
  const { store, rows, dice, crypto, authorities } = ports
  return {
    async createBinding(call) {
      const { expires_in_sec: expiresInSec, ...body } = call.body
      const input = { ...body, expiresInSec, value: bindeeValue(body, authorities.trustDomain) }
      const id = toHex(dice.bytes(16))
      const locks = exclusiveOf(body.tenant ?? call.caller.tenant)
      return showBinding(await act(ports, byManager(call), locks, told => createBinding(rows, id, input, told)))
    },

    async listBindings({ query, caller }) {
      const { limit, cursor, tenant, role } = query
      const filter = { tenant: await tenantOfList(ports, caller, tenant), role }
      const list = { route: 'listBindings', tenant: caller.tenant, filter } as const
      const page = cursors.page(list, { limit, cursor })
      return cursors.reply(list, await store.read(() => rows.bindings.list(filter, page)), showBinding)
    },

    async deleteBinding(call) {
      const step = (told: ManagerAct) => deleteBinding(rows, call.params.id, crypto, told)
      await act(ports, byManager(call), exclusiveWithin(call.caller), step)
      return undefined
    },
  }
}

/** Whom it is for, in the one spelling in which they are looked for. Throws `body_invalid`. */
export function bindeeValue({ kind, value }: Pick<Bindee, 'kind' | 'value'>, trustDomain: string): string {
  try {
    if (kind === 'spiffe-id') return agentId(value, trustDomain)
    return kind === 'certificate' ? certificateName(value, trustDomain) : value
  } catch (error) {
    if (error instanceof ProtocolError) throw invalid(error.message)
    throw error
  }
}

function agentId(value: string, trustDomain: string): string {
  const id = SpiffeId.parse(value)
  if (`${id.trustDomain}` !== trustDomain) throw invalid(`expected an agent of ${trustDomain}`)
  return `${id}`
}

function certificateName(value: string, trustDomain: string): string {
  const [, form, name] = /^(dn|dns|uri|email):(.+)$/s.exec(value) ?? []
  if (form === undefined || name === undefined) throw invalid('expected dn:…, dns:…, uri:… or email:…')
  if (form === 'dn') return `dn:${canonicalDistinguishedName(name)}`
  if (form === 'uri' && (name === `spiffe://${trustDomain}` || name.startsWith(`spiffe://${trustDomain}/`)))
    throw invalid('expected kind spiffe-id for an agent of ours')
  if (form !== 'dns') return value
  const host = parseDnsName(name)
  if (host === null) throw invalid('expected a host name')
  return `dns:${host}`
}

const invalid = (message: string) =>
  new LanyardError('body_invalid', `value: ${message}`, { errors: [{ path: 'value', message }] })

const showBinding = (state: BindingState): AccessBinding => ({
  id: state.id,
  kind: state.kind,
  issuer: state.issuer,
  value: state.value,
  role: state.role,
  tenant: state.tenant,
  agents: state.agents,
  created_by: state.createdBy,
  created_at: isoTime(state.createdAt),
  expires_at: state.expiresAt === null ? null : isoTime(state.expiresAt),
})
