import { type AgentKey, type Clock, type Dice, Issuing } from '@lanyard/authority'
import { nodeCrypto } from '@lanyard/protocol/node'
import type { HttpParts, Log, PolicyDesk } from '../http/ports.ts'
import { openIssuers } from '../issuers/index.ts'
import { createIssueGate } from '../policy/issuing.ts'
import type { Authorities } from './authorities.ts'
import type { Data } from './open-data.ts'
import type { Setup } from './setup.ts'

/** What the HTTP side works with: this instance's store and authorities, and the settings that concern it. */
export function httpParts(
  { config, nodes, dnsSuffixes, serverNames, agentMtlsCa, operatorCa, idpCa, proxies }: Setup,
  data: Data,
  authorities: Authorities,
  policies: PolicyDesk,
  { clock, dice, log }: { readonly clock: Clock; readonly dice: Dice; readonly log: Log },
): Omit<HttpParts, 'feed' | 'nodeNews' | 'incidents'> {
  const { store, rows, domain, idTemplate } = data
  const spiffeIdOf = ({ tenant, agent }: AgentKey) => `${idTemplate.render(domain, tenant, agent)}`
  const issuer = () => authorities.agentsIssuer()
  const hosts = { dnsSuffixes, ownHosts: serverNames.dns }
  const gate = createIssueGate({ store, rows, clock, policies, authorities })
  return {
    clock,
    dice,
    log,
    crypto: nodeCrypto,
    store,
    rows,
    authorities,
    policies,
    issuing: new Issuing({ store, rows, crypto: nodeCrypto, clock, dice, spiffeIdOf, issuer, gate, ...hosts }),
    spiffeIdOf,
    tenantDefaults: { keyPolicy: config.key_policy, renewalGraceSec: config.renewal_grace_sec },
    maxLineageSec: config.max_lineage_sec,
    ...hosts,
    nodes,
    issuers: openIssuers({ settings: config.idp, roots: idpCa, clock, crypto: nodeCrypto, log }),
    admission: {
      agentMtlsRequired: config.agent_mtls.required,
      agentMtlsCa,
      dnsSuffix: config.agent_mtls.dns_suffix ?? domain.name,
    },
    operatorCa,
    proxies,
    sealingSecret: authorities.deriveSecret('introspection-secrets'),
    challengeSecret: authorities.deriveSecret('x509pop-challenge'),
    cursorSecret: authorities.deriveSecret('cursor'),
    limits: config.limits,
    tls: authorities.serverTls(),
    ready: () => authorities.canIssue(clock.now()),
  }
}
