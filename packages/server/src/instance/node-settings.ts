import { readFileSync } from 'node:fs'
import { LanyardError } from '@lanyard/api'
import { type NodeSettings, requireName, type X509PopSettings } from '@lanyard/authority'
import { Certificate, decodePem, ProtocolError } from '@lanyard/protocol'
import type { ServerConfig } from '../config.ts'

/** Authorities of machines at most. */
const ROOTS_MAX = 100

/** How machines become nodes here. Throws `config_invalid`, naming the setting. */
export const nodeSettings = ({ node, x509pop }: Pick<ServerConfig, 'node' | 'x509pop'>): NodeSettings => ({
  certTtlSec: node.cert_ttl_sec,
  graceSec: node.grace_sec,
  x509pop: x509pop.ca_file === null ? null : machines(x509pop.ca_file, x509pop),
})

function machines(file: string, { tenant, groups }: ServerConfig['x509pop']): X509PopSettings {
  if (tenant !== null) named('x509pop.tenant', () => requireName('tenant', tenant))
  for (const group of groups) named('x509pop.groups', () => requireName('group', group))
  return { roots: readRoots(file), tenant, groups: [...new Set(groups)].sort() }
}

function readRoots(file: string): readonly Certificate[] {
  return named('x509pop.ca_file', () => {
    const blocks = decodePem(readText(file), { labels: ['CERTIFICATE'], maxBlocks: ROOTS_MAX })
    const roots = blocks.map(({ der }) => Certificate.fromDer(der))
    const plain = roots.find(({ basicConstraints }) => !basicConstraints?.ca)
    if (plain !== undefined)
      throw new LanyardError('config_invalid', `${file}: expected certificates of authorities alone`)
    return roots
  })
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new LanyardError('config_invalid', `${file} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
}

function named<T>(setting: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof ProtocolError || error instanceof LanyardError)) throw error
    throw new LanyardError('config_invalid', `${setting}: ${error.message}`, {}, { cause: error })
  }
}
