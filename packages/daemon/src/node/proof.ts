import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { LanyardError } from '@lanyard/api'
import type { DaemonConfig } from '../config.ts'
import type { NodeProof } from './attest.ts'

/** A join token, or what makes one when it is needed. */
export type JoinToken = string | (() => Promise<string>)

/** What there is to attest with, read when it is needed: a token file may be gone by the next start. Null: nothing. */
export function proofOf(config: DaemonConfig, joinToken: JoinToken | null): (() => Promise<NodeProof>) | null {
  const { x509popCert, x509popKey, joinTokenFile } = config
  if (x509popCert !== null && x509popKey !== null)
    return async () => ({
      method: 'x509pop',
      certificates: read(x509popCert),
      key: createPrivateKey(read(x509popKey)),
    })
  if (joinToken !== null)
    return async () => ({ method: 'join_token', token: typeof joinToken === 'string' ? joinToken : await joinToken() })
  if (joinTokenFile !== null) return async () => ({ method: 'join_token', token: read(joinTokenFile).trim() })
  return null
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    throw new LanyardError('config_invalid', `cannot read ${file}: ${code}`, {}, { cause })
  }
}
