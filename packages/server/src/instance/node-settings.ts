import { type NodeSettings, requireName, type X509PopSettings } from '@lanyard/authority'
import { named, readAuthorities } from '../authority-file.ts'
import type { ServerConfig } from '../config.ts'

/** How machines become nodes here. Throws `config_invalid`, naming the setting. */
export const nodeSettings = ({ node, x509pop }: Pick<ServerConfig, 'node' | 'x509pop'>): NodeSettings => ({
  certTtlSec: node.cert_ttl_sec,
  graceSec: node.grace_sec,
  x509pop: x509pop.ca_file === null ? null : machines(x509pop.ca_file, x509pop),
})

function machines(file: string, { tenant, groups }: ServerConfig['x509pop']): X509PopSettings {
  if (tenant !== null) named('x509pop.tenant', () => requireName('tenant', tenant))
  for (const group of groups) named('x509pop.groups', () => requireName('group', group))
  return { roots: readAuthorities('x509pop.ca_file', file), tenant, groups: [...new Set(groups)].sort() }
}
