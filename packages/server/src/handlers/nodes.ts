import type { Handlers, Node, Routes } from '@lanyard/api'
import {
  type Act,
  banNode,
  type Caller,
  createJoinToken,
  exclusive,
  exclusiveAll,
  isoTime,
  locksOf,
  type NodeState,
  newJoinToken,
  redactText,
  regroupNode,
  removeNode,
  requireName,
  requireNode,
  type Step,
  unbanNode,
} from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'
import { type AnyCall, act, tenantOfList, urgentAct } from './call.ts'
import type { Cursors } from './cursor.ts'

type Mine = 'createJoinToken' | 'listNodes' | 'getNode' | 'updateNode' | 'banNode' | 'unbanNode' | 'removeNode'

/** Nodes, as operators see them. */
export function nodeHandlers(ports: HandlerPorts, cursors: Cursors): Pick<Handlers<Routes, Caller>, Mine> {
  const { store, rows, clock, dice, crypto, nodes, nodeNews } = ports
  const show = (state: NodeState) => showNode(state, clock.now())

  /** Does something to a node, under the locks of its tenant, which never changes. */
  async function change<T>(call: AnyCall, id: string, lane: Lane, step: (told: Act) => Step<T>): Promise<T> {
    const found = await store.read(() => requireNode(rows, id, call))
    const locks = locksOf(found)
    const done = await (lane === 'urgent'
      ? urgentAct(ports, call, locks, step).then(committed => committed.done)
      : act(ports, call, locks, step))
    nodeNews.tell()
    return done
  }

  return {
    async createJoinToken(call) {
      const { name, groups, ttl_sec: ttlSec } = call.body
      const tenant = call.body.tenant ?? call.caller.tenant
      const { token, hash } = newJoinToken(dice, crypto)
      const locks = tenant === null ? exclusiveAll : exclusive(tenant)
      const input = { name, tenant, groups, ttlSec }
      const state = await act(ports, call, locks, told => createJoinToken(rows, input, hash, nodes, told))
      return { token, name, tenant, expires_at: isoTime(state.expiresAt) }
    },

    async listNodes({ query, caller }) {
      const { limit, cursor, ...asked } = query
      if (asked.name !== undefined) requireName('node', asked.name)
      const filter = { ...asked, tenant: await tenantOfList(ports, caller, asked.tenant) }
      const list = { route: 'listNodes', tenant: caller.tenant, filter } as const
      const page = cursors.page(list, { limit, cursor })
      return cursors.reply(list, await store.read(() => rows.nodes.list(filter, page)), show)
    },

    async getNode({ params, caller }) {
      return show(await store.read(() => requireNode(rows, params.node, { caller })))
    },

    async updateNode(call) {
      const { node } = call.params
      return show(await change(call, node, 'write', told => regroupNode(rows, node, call.body.groups, told)))
    },

    async banNode(call) {
      const { node } = call.params
      const reason = redactText(call.body.reason)
      return show(await change(call, node, 'urgent', told => banNode(rows, node, reason, told)))
    },

    async unbanNode(call) {
      const { node } = call.params
      return show(await change(call, node, 'write', told => unbanNode(rows, node, told)))
    },

    async removeNode(call) {
      const { node } = call.params
      await change(call, node, 'urgent', told => removeNode(rows, node, told))
      return undefined
    },
  }
}

type Lane = 'write' | 'urgent'

function showNode(state: NodeState, at: number): Node {
  const { node, name, tenant, groups, method, bannedAt, banReason } = state
  return {
    node,
    name,
    spiffe_id: state.spiffeId,
    tenant,
    groups: [...groups],
    method,
    key_thumbprint: state.keyThumbprint,
    state: bannedAt !== null ? 'banned' : at < (state.notAfter + 1) * 1000 ? 'attested' : 'ended',
    attested_at: isoTime(state.attestedAt),
    renewed_at: isoTime(state.renewedAt),
    not_after: isoTime(state.notAfter * 1000),
    banned_at: bannedAt === null ? null : isoTime(bannedAt),
    ban_reason: banReason,
  }
}
