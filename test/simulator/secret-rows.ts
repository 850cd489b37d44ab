import type { AgentKey, SecretState } from '@lanyard/authority'
import { ask, change, isOf, type RowFaults } from './rows.ts'

/** Secrets of agents. */
export const secretRows = ({ secretWithoutClaim }: RowFaults) => ({
  find: (id: string) => ask('secrets.find', tx => tx.get<SecretState>('secrets', id)),
  claim: (id: string) =>
    ask('secrets.claim', tx => {
      if (!secretWithoutClaim) tx.lock('secrets', id)
      return tx.get<SecretState>('secrets', id)
    }),
  current: (key: AgentKey) =>
    ask('secrets.current', tx => tx.all<SecretState>('secrets').filter(isOf(key)).find(isCurrent)),
  madeBy: (maker: string) =>
    ask('secrets.madeBy', tx => tx.all<SecretState>('secrets').filter(({ createdBy }) => createdBy === maker)),
  insert: (secret: SecretState) => ask('secrets.insert', tx => tx.put('secrets', secret.id, secret)),
  end: (id: string, standing: SecretState['standing'], at: number) =>
    ask('secrets.end', tx => {
      const where = (one: SecretState) => one.id === id && isCurrent(one)
      const to = (one: SecretState) => ({ ...one, standing, endedAt: at })
      change<SecretState>(tx, 'secrets', where, to, one => one.id)
    }),
  // Nobody here exchanges secrets so often that one is forgotten.
  forget: () => ask('secrets.forget', () => undefined),
  ofAgent: (key: AgentKey) => ask('secrets.ofAgent', tx => tx.all<SecretState>('secrets').filter(isOf(key))),
})

export const isCurrent = ({ standing }: SecretState) => standing === 'current'
