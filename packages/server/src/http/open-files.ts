import process from 'node:process'

/** What of a diagnostic report is asked for and read. */
interface Report {
  excludeNetwork: boolean
  excludeEnv: boolean
  getReport(): { readonly userLimits?: { readonly open_files?: { readonly soft?: unknown } } }
}

/** How many files, connections among them, this process may hold open; Infinity where the system does not say. */
export function openFilesLimit(): number {
  const report = process.report as unknown as Report
  // No look-up of a name for each connection, and no copy of the environment, in which a passphrase may stand.
  report.excludeNetwork = true
  report.excludeEnv = true
  const soft = report.getReport().userLimits?.open_files?.soft
  return typeof soft === 'number' ? soft : Number.POSITIVE_INFINITY
}
