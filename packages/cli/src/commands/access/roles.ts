import type { Permission } from '@lanyard/api'
import type { ApiClient, CallReply } from '../../client/client.ts'
import { CONNECTION, connect } from '../../client/connection.ts'
import { command, list, type Outcome, required, text } from '../../command.ts'
import { defined } from '../../defined.ts'
import { card, wrapped } from '../../layout.ts'
import { longListing, NO_REPLY, PAGE } from '../../listing.ts'
import { Misuse, refuse } from '../../problem.ts'

type Role = CallReply<'GET /v1/access/roles'>['items'][number]

const ROLE = { name: 'ROLE', about: 'Its name, or its id, as `access role list` shows them' } as const
const DESCRIPTION = text('TEXT', 'What it is for')
const OF_TENANT = text('TENANT', 'Of this tenant; of all where not given')
const PERMISSION = list('PERMISSION', 'What it may do, such as agent.read; see docs/reference')

const shown = (role: Role): Outcome => ({
  json: role,
  text: paint =>
    card(
      [
        ['role', role.role],
        ['id', role.id ?? 'built in'],
        ['where', role.tenant === null ? 'all tenants' : `tenant ${role.tenant}`],
        ...wrapped(role.permissions).map((line, at) => [at === 0 ? 'may' : '', line] as const),
        ...(role.description === '' ? [] : [['for', role.description] as const]),
      ],
      paint,
    ),
})

/** Names of permissions, looked at by the authority, which names those that it knows. */
const asPermissions = (names: readonly string[]): Permission[] => [...names] as Permission[]

const create = command({
  name: 'access role create',
  summary: 'Define a role. Nobody puts more into it than they hold.',
  operands: [{ name: 'ROLE', about: 'Its name' }],
  options: { permission: required(PERMISSION), tenant: OF_TENANT, description: DESCRIPTION, ...CONNECTION },
  examples: [
    {
      line: 'lanyard access role create on-call --permission agent.read --permission agent.kill --permission incident.read',
      does: 'A role that sees agents and kills them, and can do nothing else.',
    },
  ],
  wraps: 'POST /v1/access/roles',
  run: async ({ operands: [role = ''], options: { permission, tenant, description, ...options }, io }) => {
    const api = await connect(options, io)
    const body = { role, permissions: asPermissions(permission), ...defined({ tenant, description }) }
    return shown(await api.call('POST /v1/access/roles', { body }))
  },
})

const listAll = command({
  name: 'access role list',
  summary: 'List roles, the built-in ones first.',
  operands: [],
  options: { tenant: text('TENANT', 'Only those that can be given in this tenant'), ...PAGE, ...CONNECTION },
  examples: [{ line: 'lanyard access role list', does: 'What can be given, and what each may do.' }],
  wraps: 'GET /v1/access/roles',
  run: async ({ options: { tenant, limit, cursor, ...options }, io }) => {
    const api = await connect(options, io)
    const reply = await api.call('GET /v1/access/roles', { query: { tenant, limit, cursor } })
    // The built-in ones hold dozens: each on lines of its own, under the role.
    return longListing(reply, ['ROLE', 'ID', 'TENANT', 'MAY'], role =>
      wrapped(role.permissions, 72).map((line, at) =>
        at === 0 ? [role.role, role.id ?? 'built in', role.tenant, line] : ['', '', '', line],
      ),
    )
  },
})

const update = command({
  name: 'access role update',
  summary: 'Change what a role holds, at once and for everyone who has it.',
  about: 'Permissions that are given replace all that it has.',
  operands: [ROLE],
  options: { permission: PERMISSION, tenant: OF_TENANT, description: DESCRIPTION, ...CONNECTION },
  examples: [
    {
      line: 'lanyard access role update on-call --permission agent.read --permission incident.read',
      does: 'Whoever has it kills nobody any more.',
    },
  ],
  wraps: 'PATCH /v1/access/roles/{id}',
  run: async ({ operands: [role = ''], options: { permission, tenant, description, ...options }, io }) => {
    const body = defined({ permissions: permission && asPermissions(permission), description })
    if (Object.keys(body).length === 0) throw new Misuse('nothing to change: give --permission or --description')
    const api = await connect(options, io)
    const params = { id: await idOf(api, role, tenant) }
    return shown(await api.call('PATCH /v1/access/roles/{id}', { params, body }))
  },
})

const remove = command({
  name: 'access role delete',
  summary: 'Delete a role that nobody has.',
  operands: [ROLE],
  options: { tenant: OF_TENANT, ...CONNECTION },
  examples: [{ line: 'lanyard access role delete on-call', does: 'It can be given no more.' }],
  wraps: 'DELETE /v1/access/roles/{id}',
  run: async ({ operands: [role = ''], options: { tenant, ...options }, io }) => {
    const api = await connect(options, io)
    const id = await idOf(api, role, tenant)
    await api.call('DELETE /v1/access/roles/{id}', { params: { id } })
    return { json: NO_REPLY, text: paint => `${paint.good('deleted')} ${id}` }
  },
})

/** The id of a role that is named by its name or its id; of a tenant's where one is given. Throws `role_unknown`. */
async function idOf(api: ApiClient, written: string, tenant: string | undefined): Promise<string> {
  if (/^[0-9a-f]{32}$/.test(written)) return written
  const { items } = await api.call('GET /v1/access/roles', { query: { tenant, limit: 500 } })
  const found = items.find(role => role.role === written && role.tenant === (tenant ?? null))
  if (found?.id) return found.id
  const which = tenant === undefined ? 'of all tenants' : `of tenant ${tenant}`
  throw refuse('role_unknown', found ? `${written} is built in, and stays as it is` : `no role ${written} ${which}`)
}

export const roleCommands = [create, listAll, update, remove]
