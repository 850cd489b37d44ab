import { LanyardError } from '@lanyard/api'
import { NAME_PATTERN } from '@lanyard/protocol'

/**
 * The name of a tenant, an agent, a node or a group of nodes, judged at the door. Throws `name_invalid`: a name stands in
 * SPIFFE IDs as it is, and what must be escaped somewhere is escaped wrongly somewhere (GHSA-59w7-v8rr-pr4p).
 */
export function requireName(what: 'tenant' | 'agent' | 'node' | 'group', name: string): string {
  if (NAME_PATTERN.test(name)) return name
  throw new LanyardError('name_invalid', `expected ${what} to match ${NAME_PATTERN.source}, got ${shown(name)}`)
}

/** Whether a text can be an id of ours or a serial: 16 bytes in hex. What cannot is looked for nowhere. */
export const isId = (text: string): boolean => /^[0-9a-f]{32}$/.test(text)

// What a stranger wrote goes into the message shortened and without control characters.
function shown(name: string): string {
  const clean = name.replace(/[^\x20-\x7e]/g, '?')
  return clean.length > 80 ? `"${clean.slice(0, 80)}…" (${name.length} characters)` : `"${clean}"`
}
