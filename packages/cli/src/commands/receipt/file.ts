import type { Incident } from '@lanyard/api'
import { writeFiles } from '../../files.ts'
import { refuse } from '../../problem.ts'

/** The receipt of an incident. Throws `receipt_pending`. */
export function signed({ receipt, incident }: Pick<Incident, 'receipt' | 'incident'>): string {
  if (receipt === null) throw refuse('receipt_pending', `incident ${incident} is open`)
  return receipt
}

/** The receipt as a file that `lanyard receipt verify` reads. */
export function writeReceipt(receipt: string, path: string): void {
  writeFiles([{ path, content: `${receipt}\n`, mode: 0o600 }])
}
