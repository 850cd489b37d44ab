import { LanyardError } from '@lanyard/api'
import { type AllowedNames, type NodeSettings, requireIssuable } from '@lanyard/authority'
import { type Certificate, IdTemplate, ProtocolError, TrustDomain } from '@lanyard/protocol'
import { readAuthorities } from '../authority-file.ts'
import type { ServerConfig } from '../config.ts'
import { passphraseFrom } from '../keys/passphrase.ts'
import { type ProxyTrust, readProxyTrust } from '../proxies/trust.ts'
import { nodeSettings } from './node-settings.ts'
import { dnsSuffixes, serverNames } from './server-names.ts'

/** The settings, understood: all that can be refused before anything is touched was refused. */
export interface Setup {
  readonly config: ServerConfig
  readonly passphrase: string | null
  /** Null: that of the store, or the default for a new one. */
  readonly trustDomain: TrustDomain | null
  readonly idTemplate: IdTemplate | null
  readonly serverNames: AllowedNames
  readonly dnsSuffixes: readonly string[]
  readonly nodes: NodeSettings
  /**
   * Authorities of agents' client certificates that are no SVIDs, of operators', and of identity providers' servers.
   */
  readonly agentMtlsCa: readonly Certificate[]
  readonly operatorCa: readonly Certificate[]
  readonly idpCa: readonly Certificate[]
  readonly proxies: ProxyTrust
}

/** Reads settings and environment. Throws `config_invalid`, naming the setting. */
export function readSetup(config: ServerConfig, env: Readonly<Record<string, string | undefined>>): Setup {
  return {
    config,
    passphrase: passphraseFrom(env),
    trustDomain: config.trust_domain === null ? null : readTrustDomain(config.trust_domain),
    idTemplate:
      config.id_template === null ? null : setting('id_template', () => IdTemplate.parse(config.id_template!)),
    serverNames: serverNames(config.listen.host, config.hosts),
    dnsSuffixes: dnsSuffixes(config.dns_suffixes),
    nodes: nodeSettings(config),
    agentMtlsCa: readAuthorities('agent_mtls.ca_file', config.agent_mtls.ca_file),
    operatorCa: readAuthorities('operator_ca.file', config.operator_ca.file),
    idpCa: readAuthorities('idp.ca_file', config.idp.ca_file),
    proxies: readProxyTrust(config.proxy),
  }
}

/** A trust domain that can be issued for. Throws `config_invalid`. */
export const readTrustDomain = (name: string): TrustDomain =>
  setting('trust_domain', () => requireIssuable(TrustDomain.parse(name)))

function setting<T>(name: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    throw new LanyardError('config_invalid', `${name}: ${error.message}`, {}, { cause: error })
  }
}
