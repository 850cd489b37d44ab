import { createPrivateKey } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import type { DaemonConfig } from '../config.ts'
import type { NodeProof } from './attest.ts'
import { fromSetting } from './from-setting.ts'

/** A join token, or what makes one when it is needed. */
export type JoinToken = string | (() => Promise<string>)

/** Version of a proof that is not there. */
export const ABSENT = 'absent'

/** What a machine attests with. */
export interface ProofSource {
  /** Throws LanyardError `config_invalid`. */
  read(): Promise<NodeProof>
  /** Other text once there may be another proof than before; null: each may be another. */
  version(): string | null
  /** What a person must do when it proves nothing. */
  readonly wanted: string
}

/**
 * What there is to attest with, read when it is needed: a token file may be gone by the next start. Null: nothing.
 */
export function proofOf(config: DaemonConfig, joinToken: JoinToken | null): ProofSource | null {
  const { x509popCert, x509popKey, joinTokenFile } = config
  if (x509popCert !== null && x509popKey !== null)
    return {
      read: async () => ({
        method: 'x509pop',
        certificates: fromSetting('x509pop_cert', () => readFileSync(x509popCert, 'utf8')),
        key: fromSetting('x509pop_key', () => createPrivateKey(readFileSync(x509popKey, 'utf8'))),
      }),
      // The authority may come to trust it.
      version: () => null,
      wanted: 'put another certificate into x509pop_cert',
    }
  if (typeof joinToken === 'string')
    return {
      read: async () => ({ method: 'join_token', token: joinToken }),
      version: () => 'the one of the start',
      wanted: 'start the daemon again with a new join token',
    }
  if (joinToken !== null)
    return { read: async () => ({ method: 'join_token', token: await joinToken() }), version: () => null, wanted: '' }
  if (joinTokenFile === null) return null
  return {
    read: async () => ({ method: 'join_token', token: fromSetting('join_token_file', () => tokenIn(joinTokenFile)) }),
    version: () => versionOf(joinTokenFile),
    wanted: `put a new join token into ${joinTokenFile} (join_token_file)`,
  }
}

function versionOf(file: string): string {
  const stats = statSync(file, { bigint: true, throwIfNoEntry: false })
  return stats === undefined ? ABSENT : [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(' ')
}

const tokenIn = (file: string) => readFileSync(file, 'utf8').trim()
