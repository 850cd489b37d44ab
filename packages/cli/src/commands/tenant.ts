import type { Tenant } from '@lanyard/api'
import { CONNECTION, connect } from '../client/connection.ts'
import { choice, command, number, type Outcome } from '../command.ts'
import { defined } from '../defined.ts'
import { card, duration } from '../layout.ts'
import { listing, PAGE } from '../listing.ts'
import { Misuse } from '../problem.ts'
import { KEY_POLICIES } from './choices.ts'

const TENANT = { name: 'TENANT', about: 'Name of the tenant' } as const

const SETTINGS = {
  'key-policy': choice(KEY_POLICIES, 'Keys that its agents may have: RSA alone, or P-256, P-384 and Ed25519 too'),
  'renewal-grace': number('SEC', 'Seconds that a certificate may be expired and still renew'),
} as const

const changesOf = (options: {
  'key-policy'?: Tenant['key_policy'] | undefined
  'renewal-grace'?: number | undefined
}) => defined({ key_policy: options['key-policy'], renewal_grace_sec: options['renewal-grace'] })

const shown = (tenant: Tenant): Outcome => ({
  json: tenant,
  text: paint =>
    card(
      [
        ['tenant', tenant.tenant],
        ['keys', tenant.key_policy],
        ['grace', duration(tenant.renewal_grace_sec)],
        ['created', tenant.created_at],
      ],
      paint,
    ),
})

const create = command({
  name: 'tenant create',
  summary: 'Create a tenant.',
  operands: [TENANT],
  options: { ...SETTINGS, ...CONNECTION },
  examples: [
    { line: 'lanyard tenant create acme', does: 'A tenant whose agents use RSA keys.' },
    { line: 'lanyard tenant create globex --key-policy modern', does: 'Its agents may use elliptic curves too.' },
  ],
  wraps: 'POST /v1/tenants',
  run: async ({ operands: [tenant = ''], options, io }) => {
    const api = await connect(options, io)
    return shown(await api.call('POST /v1/tenants', { body: { tenant, ...changesOf(options) } }))
  },
})

const listAll = command({
  name: 'tenant list',
  summary: 'List the tenants that you may see.',
  operands: [],
  options: { ...PAGE, ...CONNECTION },
  examples: [{ line: 'lanyard tenant list', does: 'All tenants, by name.' }],
  wraps: 'GET /v1/tenants',
  run: async ({ options: { limit, cursor, ...options }, io }) => {
    const api = await connect(options, io)
    const reply = await api.call('GET /v1/tenants', { query: { limit, cursor } })
    return listing(reply, ['TENANT', 'KEYS', 'GRACE', 'CREATED'], tenant => [
      tenant.tenant,
      tenant.key_policy,
      duration(tenant.renewal_grace_sec),
      tenant.created_at,
    ])
  },
})

const show = command({
  name: 'tenant show',
  summary: 'Show a tenant.',
  operands: [TENANT],
  options: CONNECTION,
  examples: [{ line: 'lanyard tenant show acme', does: 'Its settings.' }],
  wraps: 'GET /v1/tenants/{tenant}',
  run: async ({ operands: [tenant = ''], options, io }) => {
    const api = await connect(options, io)
    return shown(await api.call('GET /v1/tenants/{tenant}', { params: { tenant } }))
  },
})

const set = command({
  name: 'tenant set',
  summary: 'Change the settings of a tenant.',
  operands: [TENANT],
  options: { ...SETTINGS, ...CONNECTION },
  examples: [{ line: 'lanyard tenant set acme --key-policy modern', does: 'From now on acme may use P-256 keys.' }],
  wraps: 'PATCH /v1/tenants/{tenant}',
  run: async ({ operands: [tenant = ''], options, io }) => {
    const body = changesOf(options)
    if (Object.keys(body).length === 0) throw new Misuse('nothing to change: give --key-policy or --renewal-grace')
    const api = await connect(options, io)
    return shown(await api.call('PATCH /v1/tenants/{tenant}', { params: { tenant }, body }))
  },
})

export const tenantCommands = [create, listAll, show, set]
