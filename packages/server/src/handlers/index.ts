import type { Handlers, Routes } from '@lanyard/api'
import type { Caller } from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'
import { accessBindingHandlers } from './access-bindings.ts'
import { accessIssuerHandlers } from './access-issuers.ts'
import { accessPrincipalHandlers } from './access-principals.ts'
import { accessRoleHandlers } from './access-roles.ts'
import { admissionHandlers } from './admission.ts'
import { agentHandlers } from './agent.ts'
import { agentsHandlers } from './agents.ts'
import { apiKeyHandlers } from './api-keys.ts'
import { attestingHandlers } from './attesting.ts'
import { authzenHandlers } from './authzen.ts'
import { bundleHandlers } from './bundles.ts'
import { Cursors } from './cursor.ts'
import { entryHandlers } from './entries.ts'
import { federationHandlers } from './federation.ts'
import { followFeedHandlers } from './follow-feed.ts'
import { idpHandlers } from './idps.ts'
import { incidentHandlers } from './incidents.ts'
import { instanceHandlers } from './instances.ts'
import { killHandlers } from './kill.ts'
import { metricsHandlers } from './metrics.ts'
import { nodeChangeHandlers } from './node-changes.ts'
import { nodeSvidHandlers } from './node-svids.ts'
import { nodeHandlers } from './nodes.ts'
import { pointHandlers } from './points.ts'
import { policyHandlers } from './policies.ts'
import { policyQuestionHandlers } from './policy-questions.ts'
import { publicHandlers } from './public.ts'
import { recordHandlers } from './records.ts'
import { secretHandlers } from './secrets.ts'
import { serviceHandlers } from './services.ts'
import { sessionHandlers } from './sessions.ts'
import { signalHandlers } from './signals.ts'
import { tenantHandlers } from './tenants.ts'

/** One handler for each declared route. `ready` is false while the instance starts or stops. */
export function createHandlers(ports: HandlerPorts, ready: () => boolean): Handlers<Routes, Caller> {
  const cursors = new Cursors(ports.cursorSecret)
  return {
    ...agentHandlers(ports),
    ...tenantHandlers(ports, cursors),
    ...agentsHandlers(ports, cursors),
    ...secretHandlers(ports),
    ...sessionHandlers(ports),
    ...federationHandlers(ports),
    ...idpHandlers(ports, cursors),
    ...admissionHandlers(ports),
    ...apiKeyHandlers(ports, cursors),
    ...accessRoleHandlers(ports, cursors),
    ...accessBindingHandlers(ports, cursors),
    ...accessIssuerHandlers(ports, cursors),
    ...accessPrincipalHandlers(ports),
    ...recordHandlers(ports, cursors),
    ...killHandlers(ports),
    ...incidentHandlers(ports, cursors),
    ...pointHandlers(ports, cursors),
    ...serviceHandlers(ports, cursors),
    ...instanceHandlers(ports),
    ...followFeedHandlers(ports),
    ...entryHandlers(ports, cursors),
    ...nodeHandlers(ports, cursors),
    ...attestingHandlers(ports),
    ...nodeSvidHandlers(ports),
    ...nodeChangeHandlers(ports),
    ...signalHandlers(ports),
    ...bundleHandlers(ports),
    ...policyHandlers(ports, cursors),
    ...policyQuestionHandlers(ports),
    ...authzenHandlers(ports),
    ...metricsHandlers(ports),
    ...publicHandlers(ports, ready),
  }
}
