import { SCHEMA } from '@lanyard/policy'
import { cliPage } from './cli.ts'
import { configurationPage } from './configuration.ts'
import { daemonConfigurationPage } from './daemon-configuration.ts'
import { errorsPage } from './errors.ts'
import { metricsPage } from './metrics.ts'
import { policySchemaPage } from './policy-schema.ts'
import { theftsPage } from './thefts.ts'

/** Pages that derive from the source: file name, seen from docs/reference → text. */
export async function referencePages(): Promise<Readonly<Record<string, string>>> {
  return {
    'cli.md': await cliPage(),
    'configuration.md': configurationPage(),
    'daemon-configuration.md': daemonConfigurationPage(),
    'errors.md': errorsPage(),
    'lanyard.cedarschema': SCHEMA,
    'metrics.md': metricsPage(),
    'policy-schema.md': policySchemaPage(),
    '../attestors/what-a-child-can-do.md': theftsPage(),
  }
}

export const REFERENCE = new URL('../../docs/reference/', import.meta.url)
