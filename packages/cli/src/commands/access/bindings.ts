import type { CallReply } from '../../client/client.ts'
import { CONNECTION, connect } from '../../client/connection.ts'
import { command, number, type Outcome, required, text } from '../../command.ts'
import { defined } from '../../defined.ts'
import { card } from '../../layout.ts'
import { listing, NO_REPLY, PAGE } from '../../listing.ts'
import { ISSUER_OPTION, parseWho, WHO, withIssuer } from './who.ts'

type Binding = CallReply<'GET /v1/access/bindings'>['items'][number]

const shown = (binding: Binding): Outcome => ({
  json: binding,
  text: paint =>
    card(
      [
        ['binding', binding.id],
        ['who', whoText(binding)],
        ['role', binding.role],
        ['where', binding.tenant === null ? 'all tenants' : `tenant ${binding.tenant}`],
        ['agents', binding.agents ?? 'all, and calls that name none'],
        ['ends', binding.expires_at ?? 'never'],
        ['made by', binding.created_by],
      ],
      paint,
    ),
})

const whoText = ({ kind, value, issuer }: Binding): string =>
  issuer === null ? `${kind}:${value}` : `${kind}:${value} of issuer ${issuer}`

const bind = command({
  name: 'access bind',
  summary: 'Give a role to a person, a program, a group or the holder of a certificate.',
  about: 'Nobody gives more than they hold. It counts from the next call on.',
  operands: [WHO],
  options: {
    role: required(text('ROLE', 'Built in or defined; see `lanyard access role list`')),
    tenant: text('TENANT', 'In this tenant; in all where not given'),
    agents: text('PATTERN', 'Only for calls that name an agent which matches; * stands for any characters'),
    'expires-in': number('SEC', 'Seconds until it ends; never where not given'),
    ...ISSUER_OPTION,
    ...CONNECTION,
  },
  examples: [
    { line: 'lanyard access bind user:ada --role admin', does: 'Ada may do everything, everywhere.' },
    {
      line: "lanyard access bind group:sre --role operator --tenant acme --agents 'build-*' --expires-in 28800",
      does: 'Whoever is in the group runs the build agents of acme, for a shift.',
    },
    {
      line: "lanyard access bind 'certificate:dn:CN=deployer,O=Acme' --role operator --tenant acme",
      does: 'A program with a certificate of the operators.',
    },
    {
      line: 'lanyard access bind spiffe://example.org/tenant/acme/agent/deployer --role operator --tenant acme',
      does: 'An agent, by its SVID, as long as it lives.',
    },
  ],
  wraps: 'POST /v1/access/bindings',
  run: async ({ operands: [written = ''], options, io }) => {
    const { role, tenant, agents, 'expires-in': expires_in_sec, issuer, ...connection } = options
    const who = parseWho(written)
    const api = await connect(connection, io)
    const bindee = await withIssuer(api, who, issuer)
    const body = { ...bindee, role, ...defined({ tenant, agents, expires_in_sec }) }
    return shown(await api.call('POST /v1/access/bindings', { body }))
  },
})

const unbind = command({
  name: 'access unbind',
  summary: 'Take a role away. It counts no more from the next call on.',
  operands: [{ name: 'ID', about: 'Of the binding, as `access bindings` shows it' }],
  options: CONNECTION,
  examples: [{ line: 'lanyard access unbind 6b1f0d3c2a59487e8d7c6b5a49382716', does: 'Ends one binding.' }],
  wraps: 'DELETE /v1/access/bindings/{id}',
  run: async ({ operands: [id = ''], options, io }) => {
    const api = await connect(options, io)
    await api.call('DELETE /v1/access/bindings/{id}', { params: { id } })
    return { json: NO_REPLY, text: paint => `${paint.good('deleted')} ${id}` }
  },
})

const bindings = command({
  name: 'access bindings',
  summary: 'List who has which role.',
  operands: [],
  options: {
    tenant: text('TENANT', 'Only of this tenant'),
    role: text('ROLE', 'Only of this role'),
    ...PAGE,
    ...CONNECTION,
  },
  examples: [
    { line: 'lanyard access bindings --role admin', does: 'Who can do everything, beside API keys.' },
    { line: 'lanyard access bindings --tenant acme', does: 'Who can do something in acme.' },
  ],
  wraps: 'GET /v1/access/bindings',
  run: async ({ options: { tenant, role, limit, cursor, ...options }, io }) => {
    const api = await connect(options, io)
    const reply = await api.call('GET /v1/access/bindings', { query: { tenant, role, limit, cursor } })
    return listing(reply, ['ID', 'WHO', 'ROLE', 'TENANT', 'AGENTS', 'ENDS'], binding => [
      binding.id,
      `${binding.kind}:${binding.value}`,
      binding.role,
      binding.tenant,
      binding.agents,
      binding.expires_at,
    ])
  },
})

export const bindingCommands = [bind, unbind, bindings]
