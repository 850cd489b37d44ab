import { resolve } from 'node:path'
import { CONNECTION, connect } from '../client/connection.ts'
import { command, number, required, text } from '../command.ts'
import { defined } from '../defined.ts'
import { writeFiles } from '../files.ts'
import { card } from '../layout.ts'
import { listing, NO_REPLY, PAGE } from '../listing.ts'

const create = command({
  name: 'apikey create',
  summary: 'Make an API key within your own scope and permissions. It is shown this once.',
  operands: [{ name: 'NAME', about: 'What it is for' }],
  options: {
    role: required(text('ROLE', 'What it may do: admin, operator, auditor, issuer, or a role of `access role list`')),
    tenant: text('TENANT', 'Only within this tenant'),
    agents: text('PATTERN', 'Agents that it may bootstrap; * stands for any characters'),
    'expires-in': number('SEC', 'Seconds until it ends; 90 days where not given'),
    'rate-limit': number('N', 'Calls per minute; 0: none is counted'),
    out: text('FILE', 'Write the key there (0600) and do not show it'),
    ...CONNECTION,
  },
  examples: [
    {
      line: "lanyard apikey create ci --role issuer --tenant acme --agents 'build-*' --out ci.key",
      does: 'A key that can only bootstrap the build agents of acme, kept in a file.',
    },
    { line: 'lanyard apikey create audit --role auditor --expires-in 3600', does: 'Reads everything for an hour.' },
  ],
  wraps: 'POST /v1/api-keys',
  run: async ({ operands: [name = ''], options, io }) => {
    const { role, tenant, agents, 'expires-in': expires_in_sec, 'rate-limit': rate_limit, out } = options
    const api = await connect(options, io)
    const body = { name, role, ...defined({ tenant, agents, expires_in_sec, rate_limit }) }
    const reply = await api.call('POST /v1/api-keys', { body })
    const file = out === undefined ? null : resolve(io.cwd, out)
    if (file !== null) writeFiles([{ path: file, content: `${reply.key}\n`, mode: 0o600 }])
    const { key, ...rest } = reply
    return {
      json: file === null ? reply : { ...rest, key_file: file },
      text: paint =>
        card(
          [
            ['key', file === null ? key : `in ${file}`],
            ['id', reply.id],
            [
              'role',
              [reply.role, reply.tenant && `of tenant ${reply.tenant}`, reply.agents].filter(Boolean).join(', '),
            ],
            ['ends', reply.expires_at],
          ],
          paint,
        ),
    }
  },
})

const listAll = command({
  name: 'apikey list',
  summary: 'List API keys, without the keys.',
  operands: [],
  options: { tenant: text('TENANT', 'Only of this tenant'), ...PAGE, ...CONNECTION },
  examples: [{ line: 'lanyard apikey list', does: 'All keys, newest first.' }],
  wraps: 'GET /v1/api-keys',
  run: async ({ options: { tenant, limit, cursor, ...options }, io }) => {
    const api = await connect(options, io)
    const reply = await api.call('GET /v1/api-keys', { query: { tenant, limit, cursor } })
    return listing(reply, ['ID', 'NAME', 'ROLE', 'TENANT', 'AGENTS', 'ENDS'], key => [
      key.id,
      key.name,
      key.role,
      key.tenant,
      key.agents,
      key.expires_at,
    ])
  },
})

const remove = command({
  name: 'apikey delete',
  summary: 'Delete an API key. It is refused from then on.',
  operands: [{ name: 'ID', about: 'Its id, as `apikey list` shows it' }],
  options: CONNECTION,
  examples: [{ line: 'lanyard apikey delete c76b93421fa1', does: 'Ends this key at once.' }],
  wraps: 'DELETE /v1/api-keys/{id}',
  run: async ({ operands: [id = ''], options, io }) => {
    const api = await connect(options, io)
    await api.call('DELETE /v1/api-keys/{id}', { params: { id } })
    return { json: NO_REPLY, text: paint => `${paint.good('deleted')} ${id}` }
  },
})

export const apikeyCommands = [create, listAll, remove]
