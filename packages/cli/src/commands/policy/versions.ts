import type { PolicyVersion } from '@lanyard/api'
import type { ApiClient, CallReply } from '../../client/client.ts'
import { CONNECTION, connect } from '../../client/connection.ts'
import { command, type Outcome, text } from '../../command.ts'
import { defined } from '../../defined.ts'
import { card, visible } from '../../layout.ts'
import { listing, PAGE } from '../../listing.ts'
import { Misuse, refuse } from '../../problem.ts'
import { BESIDE, compiled, permitsNothing, readPolicies } from './files.ts'

/** Whose policies: option of every command about versions. */
export const SCOPE = { tenant: text('TENANT', 'Of this tenant; of the trust domain where not given') } as const

export const VERSION = { name: 'VERSION', about: 'Its number, as `lanyard policy list` shows it' } as const

/** Throws {@link Misuse}. */
export function versionIn(written: string): number {
  if (/^[1-9]\d{0,8}$/.test(written)) return Number(written)
  throw new Misuse(`expected the number of a version, got ${JSON.stringify(written)}`)
}

/** A version with all of its text. Throws a refusal `policy_unknown`. */
export async function findVersion(api: ApiClient, tenant: string | undefined, version: number): Promise<PolicyVersion> {
  // A scope keeps fewer versions than a page holds.
  const { items } = await api.call('GET /v1/policies', { query: defined({ tenant, limit: 500 }) })
  const found = items.find(item => item.version === version)
  if (found) return found
  throw refuse('policy_unknown', `expected a version of ${scopeOf(tenant)}, got ${version}`)
}

const scopeOf = (tenant: string | null | undefined) => (tenant ? `tenant ${tenant}` : 'the trust domain')

const save = command({
  name: 'policy save',
  summary: 'Save policies as a new version. It decides nothing yet.',
  about: 'They are checked here first, and by the authority again.',
  operands: [{ name: 'FILE', about: 'The policies, in Cedar' }],
  options: { ...SCOPE, ...BESIDE, comment: text('TEXT', 'Why, for those who read the list'), ...CONNECTION },
  examples: [
    { line: 'lanyard policy save acme.cedar --tenant acme --comment "no kills at night"', does: 'Prints its number.' },
  ],
  wraps: 'POST /v1/policies',
  run: async ({ operands: [file = ''], options: { tenant, schema, entities, comment, ...options }, io, note }) => {
    const set = compiled(readPolicies(file, { schema, entities }, io.cwd))
    const { text } = set
    const warning = permitsNothing(set, file)
    if (warning !== null) note(`warning: ${warning}`)
    const api = await connect(options, io)
    const own = defined({
      schema: text.schema || undefined,
      entities: text.entities.length > 0 ? (text.entities as Record<string, unknown>[]) : undefined,
    })
    const body = { policies: text.policies, ...own, ...defined({ tenant, comment }) }
    return shown(await api.call('POST /v1/policies', { body }))
  },
})

const listAll = command({
  name: 'policy list',
  summary: 'List versions of policies, newest first.',
  operands: [],
  options: { ...SCOPE, ...PAGE, ...CONNECTION },
  examples: [
    { line: 'lanyard policy list --tenant acme', does: 'Which version decides for acme, and which did before.' },
  ],
  wraps: 'GET /v1/policies',
  run: async ({ options: { tenant, limit, cursor, ...options }, io }) => {
    const api = await connect(options, io)
    const reply = await api.call('GET /v1/policies', { query: defined({ tenant, limit, cursor }) })
    return listing(reply, ['VERSION', 'STATE', 'SAVED', 'BY', 'COMMENT'], one => [
      one.version,
      one.state,
      one.created_at,
      one.created_by,
      one.comment,
    ])
  },
})

const show = command({
  name: 'policy show',
  summary: 'Show a version with its text.',
  operands: [VERSION],
  options: { ...SCOPE, ...CONNECTION },
  examples: [{ line: 'lanyard policy show 3 --tenant acme', does: 'What the third version of acme says.' }],
  run: async ({ operands: [written = ''], options: { tenant, ...options }, io }) => {
    const version = versionIn(written)
    const found = await findVersion(await connect(options, io), tenant, version)
    return {
      json: found,
      text: paint =>
        [cardOf(found, paint), '', found.policies.trimEnd().split('\n').map(visible).join('\n')].join('\n'),
    }
  },
})

const activate = command({
  name: 'policy activate',
  summary: 'Let a version decide, in place of the one before, at every instance within a second.',
  operands: [VERSION],
  options: { ...SCOPE, ...CONNECTION },
  examples: [
    { line: 'lanyard policy activate 3 --tenant acme', does: 'From now on the third version decides for acme.' },
  ],
  wraps: 'POST /v1/policies/{version}/activate',
  run: async ({ operands: [written = ''], options: { tenant, ...options }, io }) => {
    const version = String(versionIn(written))
    const api = await connect(options, io)
    return shown(
      await api.call('POST /v1/policies/{version}/activate', { params: { version }, body: defined({ tenant }) }),
    )
  },
})

const rollback = command({
  name: 'policy rollback',
  summary: 'Let the version decide again that decided before.',
  operands: [],
  options: { ...SCOPE, ...CONNECTION },
  examples: [
    {
      line: 'lanyard policy rollback --tenant acme',
      does: 'One step back; where there was none before, nothing decides.',
    },
  ],
  wraps: 'POST /v1/policies/rollback',
  run: async ({ options: { tenant, ...options }, io }) => {
    const api = await connect(options, io)
    const reply = await api.call('POST /v1/policies/rollback', { body: defined({ tenant }) })
    const { active } = reply
    if (active === null) return { json: reply, text: `no version decides for ${scopeOf(tenant)} any more` }
    return { ...shown(active), json: reply }
  },
})

const shown = (version: CallReply<'POST /v1/policies'>): Outcome => ({
  json: version,
  text: paint => cardOf(version, paint),
})

const cardOf = (version: PolicyVersion, paint: Parameters<typeof card>[1]) =>
  card(
    [
      ['version', version.version],
      ['of', scopeOf(version.tenant)],
      ['state', version.state],
      ['saved', `${version.created_at} by ${version.created_by}`],
      ...(version.activated_at === null ? [] : [['activated', version.activated_at] as const]),
      ...(version.comment === '' ? [] : [['comment', version.comment] as const]),
    ],
    paint,
  )

export const versionCommands = [save, listAll, show, activate, rollback]
