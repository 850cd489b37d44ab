import { ERRORS, EVENTS, PERMISSIONS, ROLES } from '@lanyard/api'
import { PROTOCOL_CODES } from '@lanyard/protocol'
import { code, page, table } from './markdown.ts'

/** docs/reference/errors.md */
export function errorsPage(): string {
  const known = Object.entries(ERRORS).sort(([a], [b]) => (a < b ? -1 : 1))
  const ofBytes = (name: string) => name in PROTOCOL_CODES
  const row = ([name, { status, title, remedy }]: (typeof known)[number]) => [code(name), String(status), title, remedy]
  const heads = ['Code', 'Status', 'What is wrong', 'What to do']
  return page(
    'Errors',
    'Every refusal has a code. Codes never change their meaning; texts may improve, so programs compare codes. Over HTTP a refusal is a problem document (RFC 9457, `application/problem+json`) with `code`, `title`, `detail` (what was expected, what came), `remedy` and `request_id`; the command line shows the same.',
    table(['Member', 'When'], MEMBERS),
    '## Refusals',
    table(heads, known.filter(([name]) => !ofBytes(name)).map(row)),
    '## Bytes that are not what they claim to be',
    'Of certificates, requests, keys, tokens, bundles and names; `lanyard verify` tells these too.',
    table(heads, known.filter(([name]) => ofBytes(name)).map(row)),
    '## Permissions and roles',
    table(
      ['Permission', 'Allows to', 'Roles'],
      Object.entries(PERMISSIONS).map(([name, allows]) => [code(name), allows, rolesWith(name).join(', ')]),
    ),
    '## Events',
    table(
      ['Type', 'Written when'],
      Object.entries(EVENTS).map(([type, when]) => [code(type), when]),
    ),
  )
}

const rolesWith = (permission: string): string[] =>
  Object.entries(ROLES)
    .filter(([, permissions]) => (permissions as readonly string[]).includes(permission))
    .map(([role]) => role)

const MEMBERS = [
  ['`errors`', '`body_invalid`, `query_invalid`: `path` and `message` of each fault'],
  ['`permission`', '`permission_missing`: the permission'],
  ['`server_time`, `skew_sec`', "faults of time: the server's clock, and by how much the credential missed it"],
  ['`retry_after_sec`', '`rate_limited`: seconds to wait, the same as `Retry-After`'],
  ['`limit_bytes`', '`body_too_large`: the limit'],
  ['`got`, `allowed`', '`key_type_forbidden`: what came, what the key policy of the tenant allows'],
]
