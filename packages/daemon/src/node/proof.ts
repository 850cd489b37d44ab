import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { DaemonConfig } from '../config.ts'
import type { NodeProof } from './attest.ts'
import { fromSetting } from './from-setting.ts'

/** A join token, or what makes one when it is needed. */
export type JoinToken = string | (() => Promise<string>)

/**
 * What there is to attest with, read when it is needed: a token file may be gone by the next start. Null: nothing.
 *
 * @throws LanyardError `config_invalid`, when it is read
 */
export function proofOf(config: DaemonConfig, joinToken: JoinToken | null): (() => Promise<NodeProof>) | null {
  const { x509popCert, x509popKey, joinTokenFile } = config
  if (x509popCert !== null && x509popKey !== null)
    return async () => ({
      method: 'x509pop',
      certificates: fromSetting('x509pop_cert', () => readFileSync(x509popCert, 'utf8')),
      key: fromSetting('x509pop_key', () => createPrivateKey(readFileSync(x509popKey, 'utf8'))),
    })
  if (joinToken !== null)
    return async () => ({ method: 'join_token', token: typeof joinToken === 'string' ? joinToken : await joinToken() })
  if (joinTokenFile !== null)
    return async () => ({ method: 'join_token', token: fromSetting('join_token_file', () => tokenIn(joinTokenFile)) })
  return null
}

const tokenIn = (file: string) => readFileSync(file, 'utf8').trim()
