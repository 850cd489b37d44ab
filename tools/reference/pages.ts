import { cliPage } from './cli.ts'
import { configurationPage } from './configuration.ts'
import { errorsPage } from './errors.ts'
import { metricsPage } from './metrics.ts'

/** Pages under docs/reference that derive from the source: file name → text. */
export async function referencePages(): Promise<Readonly<Record<string, string>>> {
  return {
    'cli.md': await cliPage(),
    'configuration.md': configurationPage(),
    'errors.md': errorsPage(),
    'metrics.md': metricsPage(),
  }
}

export const REFERENCE = new URL('../../docs/reference/', import.meta.url)
