import { X509Certificate } from 'node:crypto'
import type { Admission } from '@lanyard/api'
import { CONNECTION, connect } from '../client/connection.ts'
import { rootsIn } from '../client/fingerprint.ts'
import { choice, command, type Outcome, text } from '../command.ts'
import { defined } from '../defined.ts'
import { readInput } from '../files.ts'
import { card } from '../layout.ts'
import { Misuse } from '../problem.ts'

const TENANT = { name: 'TENANT', about: 'Name of the tenant' } as const
const MTLS = { required: true, optional: false, default: null } as const
const MTLS_CHOICES = ['required', 'optional', 'default'] as const

/** Which the server has, no reply tells. */
const NO_AUTHORITIES =
  'the tenant names no authorities (--mtls-ca): beside SVIDs of ours only certificates of those of the server count, and none where its agent_mtls.ca_file is not set'

const shown = (admission: Admission): Outcome => ({
  json: admission,
  text: paint =>
    card(
      [
        ['tenant', admission.tenant],
        ['minting', admission.federation_required ? 'forbidden: an identity provider vouches' : 'by the authority'],
        [
          'switch',
          `${admission.on_federation}; lineages that began internally and go on: ${admission.internal_lineages}`,
        ],
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
  run: async ({ operands: [tenant = ''], options: { mtls, ...options }, io, note }) => {
    const { 'mtls-ca': ca, 'on-federation': on_federation, ...connection } = options
    const body = defined({
      on_federation,
      agent_mtls_required: mtls === undefined ? undefined : MTLS[mtls],
      agent_mtls_ca: ca === undefined ? undefined : authoritiesIn(ca),
    })
    if (Object.keys(body).length === 0) throw new Misuse('nothing to change: give at least one option')
    const api = await connect(connection, io)
    const admission = await api.call('PATCH /v1/tenants/{tenant}/admission', { params: { tenant }, body })
    if (mtls === 'required' && admission.agent_mtls_ca === null) note(`warning: ${NO_AUTHORITIES}`)
    return shown(admission)
  },
})

/** The PEM of a file; null for those of the server. Throws {@link Misuse} for one that holds anything else. */
function authoritiesIn(file: string): string | null {
  if (file === 'default') return null
  const pem = Buffer.from(readInput(file, '--mtls-ca')).toString('utf8')
  const roots = rootsIn(pem)
  if (roots.length === 0) throw new Misuse(`--mtls-ca: expected certificates in PEM in ${file}`)
  if (roots.some(({ pem }) => isLeaf(pem)))
    throw new Misuse(`--mtls-ca: expected certificates of authorities in ${file}, got one of an agent or a server`)
  return pem
}

/** What cannot be read is judged by the authority. */
function isLeaf(pem: string): boolean {
  try {
    return !new X509Certificate(pem).ca
  } catch {
    return false
  }
}

export const admissionCommands = [show, set]
