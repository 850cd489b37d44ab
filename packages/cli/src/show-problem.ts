import { duration, visible } from './layout.ts'
import type { Paint } from './paint.ts'
import type { Problem } from './problem.ts'

/** A refusal for a person: what, what came, what to do. `now` (Unix ms) shows how far the clocks are apart. */
export function showProblem(problem: Problem, paint: Paint, now: number): string {
  const { title, detail } = titled(problem)
  const lines = [`${paint.bad('error')} ${paint.strong(visible(problem.code))}: ${visible(title)}`]
  if (detail !== undefined && detail !== title) lines.push(`  ${visible(detail)}`)
  for (const [name, value] of notes(problem, now)) lines.push(`  ${paint.faint(name)} ${visible(value)}`)
  return lines.join('\n')
}

/** Codes of the SDK have no title, and some of its details begin with the code: nobody wants to read it three times. */
function titled({ code, title = code, detail }: Problem): { title: string; detail?: string | undefined } {
  const told = detail?.startsWith(`${code}: `) ? detail.slice(code.length + 2) : detail
  return title === code && told !== undefined ? { title: told } : { title, detail: told }
}

/** Where the catalogue names a call, a person at a terminal is better served by the command. */
const COMMAND_REMEDIES: Readonly<Record<string, string>> = {
  agent_unknown: 'Register it first: lanyard agent create TENANT AGENT',
  tenant_unknown: 'Create it first: lanyard tenant create TENANT',
  agent_quarantined: 'Investigate, then: lanyard reinstate TENANT/AGENT --reason TEXT',
  tenant_killed: 'Investigate, then: lanyard reinstate --tenant TENANT --reason TEXT',
  body_invalid: 'Correct what is named above; the help of the command says what it takes.',
  tenant_ambiguous: 'Give --tenant where the command has it, or: lanyard login --tenant TENANT',
  unauthenticated:
    'Give a key (--api-key-file), log in (lanyard login), or show a token, a secret or a certificate that counts.',
  tenant_exists: 'Choose another name, or change that one: lanyard tenant set TENANT',
  idp_exists: 'Change that one: lanyard idp update TENANT IDP',
  issuer_exists: 'Change that one: lanyard access issuer update ISSUER',
  idp_disabled: 'An admin lets it vouch: lanyard idp update TENANT IDP --enabled yes --allow-agent-federation yes',
  idp_address_forbidden:
    'Use a public https address, or list the network under `idp.allow_addresses` in the settings of the authority (lanyard.yaml).',
  federation_required: 'Get in by a token of that provider: lanyard idp exchange, or cert request --idp-token-file',
  token_reused:
    'Get a fresh token where this one came from. If you did not use it, somebody else did: lanyard events --type token.reused',
  query_invalid: 'Correct what is named above; the help of the command says what it takes.',
  policy_denied: 'Ask why: lanyard policy explain. To take the policies back: lanyard policy rollback.',
  key_type_forbidden: 'Use --key-type RSA-2048, or: lanyard tenant set TENANT --key-policy modern',
}

function notes(problem: Problem, now: number): [string, string][] {
  const rows: [string, string][] = []
  const fields = listOf(problem.errors).map(fieldOf)
  if (fields.length > 1 || fields[0] !== problem.detail)
    rows.push(...fields.map((field): [string, string] => ['field', field]))
  const told = `${problem.title ?? ''} ${problem.detail ?? ''}`
  if (typeof problem.got === 'string' && !told.includes(problem.got)) rows.push(['got', problem.got])
  if (Array.isArray(problem.allowed)) rows.push(['allowed', problem.allowed.join(', ')])
  if (typeof problem.credential_from === 'string') rows.push(['used', problem.credential_from])
  if (typeof problem.permission === 'string') rows.push(['permission', problem.permission])
  if (typeof problem.server_time === 'string') rows.push(['clocks', clocksOf(problem.server_time, now)])
  if (typeof problem.skew_sec === 'number') rows.push(['missed', missedBy(problem.skew_sec)])
  if (typeof problem.retry_after_sec === 'number') rows.push(['wait', duration(problem.retry_after_sec)])
  const remedy = COMMAND_REMEDIES[problem.code] ?? problem.remedy
  if (remedy !== undefined) rows.push(['do', remedy])
  if (problem.request_id !== undefined) rows.push(['request', problem.request_id])
  return rows
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

function fieldOf(error: unknown): string {
  const { path, message } = error as { path?: unknown; message?: unknown }
  return `${path === undefined || path === '' ? '(body)' : path}: ${message}`
}

function clocksOf(serverTime: string, now: number): string {
  const apart = Math.round((now - Date.parse(serverTime)) / 1000)
  if (Number.isNaN(apart)) return `server ${serverTime}`
  if (Math.abs(apart) < 2) return `server ${serverTime}, the same as here`
  return `server ${serverTime}; the clock here is ${duration(apart)} ${apart > 0 ? 'ahead' : 'behind'}`
}

const missedBy = (skew: number): string =>
  skew >= 0 ? `ended ${duration(skew)} before` : `begins only ${duration(skew)} later`
