import {
  type Clock,
  createJoinToken,
  type Dice,
  exclusiveAll,
  type NodeSettings,
  newJoinToken,
} from '@lanyard/authority'
import { nodeCrypto } from '@lanyard/protocol/node'
import type { Data } from './open-data.ts'

interface Parts {
  readonly data: Pick<Data, 'store' | 'rows'>
  readonly nodes: NodeSettings
  readonly clock: Clock
  readonly dice: Dice
}

/**
 * A token with which one machine becomes the node of this name, for all tenants: for whoever runs the server in his own
 * process. Throws `name_invalid`, `node_exists`.
 */
export async function makeJoinToken(name: string, { data, nodes, clock, dice }: Parts): Promise<string> {
  const { store, rows } = data
  const { token, hash } = newJoinToken(dice, nodeCrypto)
  const input = { name, tenant: null, groups: [] }
  const act = { caller: 'server', at: clock.now(), source: null, correlation: null } as const
  await store.write(() => createJoinToken(rows, input, hash, nodes, act), exclusiveAll)
  return token
}
