import type { NodeState, ServedEntry } from '@lanyard/authority'
import type { Transaction } from './database.ts'
import { ask } from './rows.ts'

/** The tables of nodes and entries, as far as the door of nodes and a ban use them. */
export const nodeTables = () => ({
  nodes: {
    find: (node: string) => ask('nodes.find', (tx: Transaction) => tx.get<NodeState>('nodes', node)),
    joinedBy: () => ask('nodes.joinedBy', () => []),
    withKey: (key: string) =>
      ask('nodes.withKey', (tx: Transaction) =>
        tx.all<NodeState>('nodes').filter(({ keyThumbprint }) => keyThumbprint === key),
      ),
    update: (node: NodeState) => ask('nodes.update', (tx: Transaction) => tx.put('nodes', node.node, node)),
  },
  joinTokens: {
    removeOf: () => ask('joinTokens.removeOf', () => undefined),
  },
  entries: {
    served: (id: string) => ask('entries.served', (tx: Transaction) => tx.get<ServedEntry>('entries', id)),
    bump: () => ask('entries.bump', () => 1),
  },
})
