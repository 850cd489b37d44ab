import { nearestWithinReach } from '@lanyard/api'
import { ACTIONS, entityText, parseEntity } from '@lanyard/policy'
import type { ApiClient, CallReply } from '../../client/client.ts'
import { CONNECTION, connect } from '../../client/connection.ts'
import { command, list, number, type Outcome, text } from '../../command.ts'
import { defined } from '../../defined.ts'
import { visible } from '../../layout.ts'
import type { Paint } from '../../paint.ts'
import { Misuse } from '../../problem.ts'
import { parseAgent } from '../subject.ts'

const WHO =
  'TENANT/AGENT, tenant:NAME, api-key:ID, user:ID, node:ID, or an entity as Cedar writes it: Lanyard::Agent::"…"'

export const explain = command({
  name: 'policy explain',
  summary: 'Ask what the policies decide, and which of them.',
  about: 'Roles are another matter: `lanyard access explain`. Ends with 1 where it is denied.',
  operands: [
    { name: 'PRINCIPAL', about: WHO },
    { name: 'ACTION', about: 'A call such as killAgent, or issue, or call' },
    { name: 'RESOURCE', about: 'The same as PRINCIPAL' },
  ],
  options: {
    tenant: text(
      'TENANT',
      'Of this tenant as well; where not given, that of RESOURCE if it is TENANT/AGENT or tenant:NAME, else of the trust domain alone',
    ),
    version: number('N', 'Ask this version of the scope instead of the active ones'),
    context: list('NAME=TEXT', 'Of the call, such as door=csr; NAME:=JSON where it is no text, such as hour:=3'),
    ...CONNECTION,
  },
  examples: [
    {
      line: 'lanyard policy explain api-key:0a1b2c3d4e5f killAgent acme/invoice --tenant acme --context hour:=3',
      does: 'Whether this key may kill it at three in the morning, and which policies say so.',
    },
  ],
  wraps: 'POST /v1/policies/explain',
  run: async ({ operands: [who = '', action = '', what = ''], options, io, note }) => {
    const { version, context, ...connection } = options
    const tenant = options.tenant ?? tenantOf(what)
    const values = context && contextOf(context)
    for (const hint of hintsFor(values ?? {})) note(hint)
    const api = await connect(connection, io)
    const [principal, resource] = [await entityOf(api, who), await entityOf(api, what)]
    const body = { principal, action, resource, ...defined({ tenant, version, context: values }) }
    return shown(await api.call('POST /v1/policies/explain', { body }), action)
  },
})

/** What belongs to a tenant is asked of its policies too; null where the resource does not say whose it is. */
const tenantOf = (resource: string): string | undefined =>
  /^tenant:([^:"/]+)$/.exec(resource)?.[1] ?? /^([^:"/]+)\/[^:"/]+$/.exec(resource)?.[1]

/** `hour=3` is a text, and no policy takes it for a number. */
const hintsFor = (context: Readonly<Record<string, unknown>>): readonly string[] =>
  Object.entries(context)
    .filter(([, value]) => typeof value === 'string' && /^(-?\d+|true|false)$/.test(value))
    .map(([name, value]) => `--context ${name}=${value} is a text; write ${name}:=${value} where it is none`)

const SHORT: Readonly<Record<string, string>> = { tenant: 'Tenant', 'api-key': 'ApiKey', user: 'User', node: 'Node' }

/** An entity as Cedar writes it; the SPIFFE ID of an agent is asked for. Throws {@link Misuse}. */
async function entityOf(api: ApiClient, written: string): Promise<string> {
  const entity = parseEntity(written)
  if (entity) return entityText(entity)
  const [, kind = '', id = ''] = /^([a-z-]+):([^:"]+)$/.exec(written) ?? []
  const type = Object.hasOwn(SHORT, kind) ? SHORT[kind] : undefined
  if (type !== undefined) return entityText({ type, id })
  if (/["\\:]/.test(written)) throw new Misuse(`expected ${WHO}, got ${JSON.stringify(written)}`)
  const params = parseAgent(written)
  const { spiffe_id } = await api.call('GET /v1/agents/{tenant}/{agent}', { params })
  return entityText({ type: 'Agent', id: spiffe_id })
}

function contextOf(written: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    written.map(one => {
      const [, name, typed, value = ''] = /^([A-Za-z_]\w*)(:?)=(.*)$/s.exec(one) ?? []
      if (name === undefined)
        throw new Misuse(`--context: expected NAME=TEXT or NAME:=JSON, got ${JSON.stringify(one)}`)
      return [name, typed === '' ? value : jsonOf(one, value)]
    }),
  )
}

function jsonOf(written: string, value: string): unknown {
  try {
    return JSON.parse(value)
  } catch {
    throw new Misuse(`--context: expected JSON after :=, got ${JSON.stringify(written)}`)
  }
}

type Explained = CallReply<'POST /v1/policies/explain'>
type Decided = Pick<Explained, 'decision' | 'policies' | 'errors'>

const shown = (found: Explained, action: string): Outcome => ({
  json: found,
  text: paint =>
    [
      ...found.sets.map(
        set => `${set.tenant === null ? 'trust domain' : visible(set.tenant)}@${set.version}  ${said(set, paint)}`,
      ),
      ...(found.sets.length === 0 ? [noneSaid(found, action)] : []),
      ...lastWord(found, paint),
    ].join('\n'),
  exit: found.decision === 'allow' ? 'ok' : 'refused',
})

/** That nothing objects is no permission: nobody asked the roles. */
function lastWord({ decision, sets }: Explained, paint: Paint): readonly string[] {
  if (decision === 'deny') return [paint.bad('denied')]
  return sets.length > 0 ? [paint.good('allowed')] : []
}

/** Without a version in force nothing is denied but what nobody knows: an action that no set declares, such as a typing error. */
function noneSaid({ decision }: Explained, action: string): string {
  const meant = Object.hasOwn(ACTIONS, action) ? undefined : nearestWithinReach(action, Object.keys(ACTIONS))
  const why =
    decision === 'allow'
      ? 'no version decides here: policies do not object; roles were not asked: `lanyard access explain`'
      : `no version knows ${visible(action)}`
  return meant === undefined ? why : `${why}; did you mean ${meant}?`
}

/** What was decided and why, on a line. */
export function said({ decision, policies, errors }: Decided, paint: Paint): string {
  if (errors.length > 0) return `${paint.bad('deny')}, since it cannot be evaluated: ${errors.map(visible).join('; ')}`
  const none = decision === 'allow' ? 'since no version decides' : 'since no policy permits it'
  const by = policies.length > 0 ? `by ${policies.map(visible).join(', ')}` : none
  return `${decision === 'allow' ? paint.good('allow') : paint.bad('deny')} ${by}`
}
