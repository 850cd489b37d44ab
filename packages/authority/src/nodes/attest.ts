import { LanyardError, type NodeMethod, permissionsOf } from '@lanyard/api'
import type { Act, NodeCaller } from '../caller.ts'
import { eventOf } from '../event.ts'
import { deadAmong } from '../kill/deaths.ts'
import type { JoinTokenState, NodeScope, NodeState, Rows, Step } from '../ports.ts'
import { endOfGrace, type NodeSettings } from './settings.ts'
import { invalid } from './x509pop.ts'

/** A machine that proved itself: which node it becomes, and by what. */
export interface Claim extends NodeScope {
  readonly method: NodeMethod
  /** Who let it in; null: nobody, it proves itself. */
  readonly joinedBy: string | null
  /** Thumbprint of the key that proved it; null: no key did. */
  readonly provedBy: string | null
  /** Throws `node_proof_invalid` where the right to it was used by now: it counts once. */
  readonly stands: (rows: Rows, before: NodeState | undefined) => Step<void>
  /** Uses it. */
  readonly spend: (rows: Rows) => Step<void>
}

/** The certificate that it gets if all goes well. */
export interface Certified {
  /** 32 hex digits, for a node that is new. */
  readonly node: string
  readonly spiffeId: string
  /** The key, DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array
  readonly keyThumbprint: string
  readonly serial: string
  readonly notAfter: number
}

/** How this attestation is judged and told. */
export interface Judging extends Omit<Act, 'caller'> {
  readonly settings: NodeSettings
  /** Whether an event tells of this refusal of the machine: not each time. */
  readonly tells: (code: string) => boolean
}

/** What came of it: a refusal of a machine that proved itself is told in an event too. */
export type Attested = { readonly node: NodeState } | { readonly refused: LanyardError }

/**
 * Makes the machine a node, or the node that it was: in the transaction that spends its proof. Throws
 * `node_proof_invalid`, `tenant_unknown`; gives `node_banned`, `node_exists`, `key_killed`.
 */
export function* recordNode(
  rows: Rows,
  claim: Claim,
  certified: Certified,
  { settings, tells, ...act }: Judging,
): Step<Attested> {
  // A setting may name a tenant that nobody has created.
  if (claim.tenant !== null && (yield* rows.tenants.find(claim.tenant)) === undefined)
    throw new LanyardError('tenant_unknown', `there is no tenant ${claim.tenant}`)
  const before = yield* rows.nodes.findByName(claim.tenant, claim.name)
  yield* claim.stands(rows, before)
  const refused = yield* refusalOf(rows, before, claim, certified, settings, act.at)
  if (refused !== null) {
    if (!tells(refused.code)) return { refused }
    const detail = { name: claim.name, method: claim.method, code: refused.code }
    yield* rows.events.append(eventOf({ ...act, caller: 'server' }, 'node.refused', claim, detail, 'refused'))
    return { refused }
  }
  yield* claim.spend(rows)
  const node = nodeOf(claim, certified, before, act.at)
  yield* replace(rows, before, node)
  const detail = {
    node: node.node,
    name: node.name,
    method: node.method,
    groups: node.groups,
    ...(node.joinedBy === null ? {} : { joined_by: node.joinedBy }),
    again: before !== undefined,
  }
  yield* rows.events.append(
    eventOf({ ...act, caller: nodeCaller(node, certified.spki) }, 'node.attested', claim, detail),
  )
  return { node }
}

function* refusalOf(
  rows: Rows,
  before: NodeState | undefined,
  { method, name, provedBy }: Claim,
  { keyThumbprint }: Certified,
  settings: NodeSettings,
  at: number,
): Step<LanyardError | null> {
  if (before !== undefined && before.bannedAt !== null) return new LanyardError('node_banned', `node ${name} is banned`)
  const keys = [keyThumbprint, ...(provedBy === null ? [] : [provedBy])].map(key => ['key', key] as const)
  if ((yield* deadAmong(rows, keys)).size > 0)
    return new LanyardError('key_killed', 'the key in this request, or the one that proves it, was killed')
  // The key of a machine may prove itself again; a token is no proof that it is the same machine.
  const again = method === 'x509pop' && before?.method === 'x509pop'
  if (before === undefined || again || at >= endOfGrace(before, settings)) return null
  return new LanyardError('node_exists', `node ${name} exists`)
}

function nodeOf(claim: Claim, certified: Certified, before: NodeState | undefined, at: number): NodeState {
  const { name, tenant, method, joinedBy } = claim
  const { spki: _, ...rest } = certified
  const same = before !== undefined && before.method === 'x509pop' && method === 'x509pop' ? before : null
  return {
    ...rest,
    // Groups that an operator gave to the machine stay its own.
    node: same?.node ?? certified.node,
    groups: same?.groups ?? claim.groups,
    name,
    tenant,
    method,
    joinedBy,
    attestedAt: at,
    renewedAt: at,
    bannedAt: null,
    banReason: null,
  }
}

function* replace(rows: Rows, before: NodeState | undefined, node: NodeState): Step<void> {
  if (before?.node === node.node) return yield* rows.nodes.update(node)
  if (before !== undefined) yield* rows.nodes.remove(before.node)
  yield* rows.nodes.insert(node)
}

/** The right to a join token: whoever takes it out has it. */
export function claimOfToken({ name, tenant, groups, hash, createdBy: joinedBy }: JoinTokenState): Claim {
  return {
    ...{ name, tenant, groups, joinedBy },
    method: 'join_token',
    provedBy: null,
    *stands(rows) {
      if ((yield* rows.joinTokens.find(hash)) === undefined) throw spent()
    },
    *spend(rows) {
      // Nobody can come in between under the locks of an attestation; a node without a right must not be written even so.
      if ((yield* rows.joinTokens.take(hash)) === undefined) throw spent()
    },
  }
}

export const spent = () => invalid('expected a join token that was not used and has not ended')

/** The right to a challenge of `askedAt` (Unix ms): it counts for one attestation, which all later ones must follow. */
export function claimOfMachine(scope: NodeScope, provedBy: string, askedAt: number): Claim {
  return {
    ...scope,
    provedBy,
    method: 'x509pop',
    joinedBy: null,
    // biome-ignore lint/correctness/useYield: a step that only decides
    *stands(_rows, before) {
      if (before !== undefined && askedAt <= before.attestedAt)
        throw invalid('expected a new challenge, got an old one')
    },
    // What is written down is when it attested.
    *spend() {},
  }
}

const PERMISSIONS = permissionsOf('node')

/** The node as a caller, which has proved this key (DER SubjectPublicKeyInfo). */
export function nodeCaller(state: NodeState, spki: Uint8Array): NodeCaller {
  const { node, spiffeId, keyThumbprint, name, tenant, groups, notAfter } = state
  const expiresAt = (notAfter + 1) * 1000
  const scope = { name, tenant, groups }
  return {
    kind: 'node-certificate',
    permissions: PERMISSIONS,
    node,
    spiffeId,
    spki,
    keyThumbprint,
    expiresAt,
    ...scope,
  }
}
