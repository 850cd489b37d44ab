import type { Admission } from '@lanyard/api'
import { CONNECTION, connect } from '../client/connection.ts'
import { choice, command, type Outcome, text } from '../command.ts'
import { defined } from '../defined.ts'
import { readInput } from '../files.ts'
import { card } from '../layout.ts'
import { Misuse } from '../problem.ts'

const TENANT = { name: 'TENANT', about: 'Name of the tenant' } as const
const MTLS = { required: true, optional: false, default: null } as const
const MTLS_CHOICES = ['required', 'optional', 'default'] as const

const shown = (admission: Admission): Outcome => ({
  json: admission,
  text: paint =>
    card(
      [
        ['tenant', admission.tenant],
        ['minting', admission.federation_required ? 'forbidden: an identity provider vouches' : 'by the authority'],
        ['switch', `${admission.on_federation}; ${admission.internal_lineages} lineages began internally and go on`],
        ['secrets', factorsOf(admission)],
        ['authorities', admission.agent_mtls_ca === null ? 'those of the server' : 'its own'],
      ],
      paint,
    ),
})

function factorsOf({ agent_mtls_required: required }: Admission): string {
  if (required === null) return 'with a client certificate where the server requires one'
  return required ? 'with a client certificate' : 'alone, or with a client certificate'
}

const show = command({
  name: 'tenant admission show',
  summary: 'Show how agents of a tenant get identities: who may vouch, which factors are required.',
  operands: [TENANT],
  options: CONNECTION,
  examples: [{ line: 'lanyard tenant admission show acme', does: 'Whether we may mint, and what a secret needs.' }],
  wraps: 'GET /v1/tenants/{tenant}/admission',
  run: async ({ operands: [tenant = ''], options, io }) => {
    const api = await connect(options, io)
    return shown(await api.call('GET /v1/tenants/{tenant}/admission', { params: { tenant } }))
  },
})

const set = command({
  name: 'tenant admission set',
  summary: 'Change how agents of a tenant get identities.',
  operands: [TENANT],
  options: {
    mtls: choice(MTLS_CHOICES, 'Whether a session by secret needs a client certificate; default: as the server says'),
    'mtls-ca': text('FILE', 'Authorities of these certificates, in PEM; `default`: those of the server'),
    'on-federation': choice(
      ['end', 'drain'],
      'What becomes of lineages that began internally when an identity provider vouches: they end at once, or at their end',
    ),
    ...CONNECTION,
  },
  examples: [
    {
      line: 'lanyard tenant admission set acme --mtls required --mtls-ca acme-agents.pem',
      does: 'A stolen secret alone opens nothing any more.',
    },
    { line: 'lanyard tenant admission set acme --on-federation end', does: 'What we minted ends with the switch.' },
  ],
  wraps: 'PATCH /v1/tenants/{tenant}/admission',
  run: async ({ operands: [tenant = ''], options: { mtls, ...options }, io }) => {
    const { 'mtls-ca': ca, 'on-federation': on_federation, ...connection } = options
    const body = defined({
      on_federation,
      agent_mtls_required: mtls === undefined ? undefined : MTLS[mtls],
      agent_mtls_ca: ca === undefined ? undefined : authoritiesIn(ca),
    })
    if (Object.keys(body).length === 0) throw new Misuse('nothing to change: see `lanyard tenant admission set --help`')
    const api = await connect(connection, io)
    return shown(await api.call('PATCH /v1/tenants/{tenant}/admission', { params: { tenant }, body }))
  },
})

const authoritiesIn = (file: string): string | null =>
  file === 'default' ? null : Buffer.from(readInput(file, '--mtls-ca')).toString('utf8')

export const admissionCommands = [show, set]
