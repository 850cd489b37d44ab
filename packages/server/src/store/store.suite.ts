import { describe } from 'node:test'
import { accessSuite } from './suite/access.ts'
import { agentSecretsSuite } from './suite/agent-secrets.ts'
import { authoritiesSuite } from './suite/authorities.ts'
import { certificatesSuite } from './suite/certificates.ts'
import { chainsSuite } from './suite/chains.ts'
import { deathsSuite } from './suite/deaths.ts'
import { entriesSuite } from './suite/entries.ts'
import { eventsSuite } from './suite/events.ts'
import { groupsSuite } from './suite/groups.ts'
import { idpsSuite } from './suite/idps.ts'
import { incidentsSuite } from './suite/incidents.ts'
import { instancesSuite } from './suite/instances.ts'
import { lineagesSuite } from './suite/lineages.ts'
import { linksSuite } from './suite/links.ts'
import { nodesSuite } from './suite/nodes.ts'
import type { Place } from './suite/place.ts'
import { pointsSuite } from './suite/points.ts'
import { policiesSuite } from './suite/policies.ts'
import { registrySuite } from './suite/registry.ts'
import { retentionSuite } from './suite/retention.ts'
import { killRetentionSuite } from './suite/retention-of-kills.ts'
import { servicesSuite } from './suite/services.ts'
import { trustSuite } from './suite/trust.ts'
import { urgentSuite } from './suite/urgent.ts'

/** What every store promises. `place` makes an empty one for each test and takes it away afterwards. */
export function storeSuite(name: string, place: () => Place): void {
  describe(name, () => {
    registrySuite(place)
    lineagesSuite(place)
    certificatesSuite(place)
    eventsSuite(place)
    authoritiesSuite(place)
    deathsSuite(place)
    linksSuite(place)
    incidentsSuite(place)
    pointsSuite(place)
    servicesSuite(place)
    instancesSuite(place)
    entriesSuite(place)
    nodesSuite(place)
    idpsSuite(place)
    agentSecretsSuite(place)
    groupsSuite(place)
    policiesSuite(place)
    accessSuite(place)
    trustSuite(place)
    chainsSuite(place)
    retentionSuite(place)
    killRetentionSuite(place)
    urgentSuite(place)
  })
}
