import { CONNECTION, connect } from '../../client/connection.ts'
import { choice, command, text } from '../../command.ts'
import { listing, NO_REPLY, PAGE } from '../../listing.ts'
import { Misuse } from '../../problem.ts'
import { IDP_PRESETS, YES_NO } from '../choices.ts'
import { DESCRIBED, describedBy, shown, truth, vouches } from './described.ts'
import { exchangeToken } from './exchange-token.ts'
import { IDP, idOf, TENANT } from './find.ts'
import { PARAMETER, presetOf, presets, withGiven } from './preset.ts'
import { testToken } from './test-token.ts'

const add = command({
  name: 'idp add',
  summary: 'Let an identity provider vouch for the agents of a tenant.',
  about:
    'With --allow-agent-federation yes nobody else does any more: the authority refuses to mint tokens for this tenant. What\nbecomes of lineages that began internally says `lanyard tenant admission set`.',
  operands: [TENANT],
  options: {
    issuer: text('URL', 'Compared letter by letter with `iss`; needed where no preset says it'),
    preset: choice(IDP_PRESETS, 'Issuer, claims and algorithms as this product has them; see `lanyard idp presets`'),
    param: PARAMETER,
    ...DESCRIBED,
    ...CONNECTION,
  },
  examples: [
    {
      line: 'lanyard idp add acme --issuer https://login.example.com --audience lanyard',
      does: 'Its keys are found by discovery; it vouches for no agent until that is allowed.',
    },
    {
      line: 'lanyard idp add acme --preset github-actions --param owner_id=9919 --audience lanyard --require environment=production --allow-agent-federation yes',
      does: 'Workflows of one owner, in one environment, are agents of acme, and acme has no others.',
    },
  ],
  wraps: 'POST /v1/tenants/{tenant}/idps',
  run: async ({ operands: [tenant = ''], options: { issuer, preset: name, param, ...options }, io, note }) => {
    const given = describedBy(options)
    if ((issuer === undefined) === (name === undefined)) throw new Misuse('expected either --issuer or --preset')
    if (name === undefined && param !== undefined) throw new Misuse('--param goes with --preset')
    const preset = name === undefined ? null : await presetOf(name, param ?? [])
    const { audiences, ...settings } = preset === null ? given : withGiven(preset.settings, given)
    if (audiences === undefined)
      throw new Misuse('--audience is missing: tokens that the provider makes for others must not count here')
    const api = await connect(options, io)
    const body = { issuer: issuer ?? preset?.issuer ?? '', ...settings, audiences }
    const made = await api.call('POST /v1/tenants/{tenant}/idps', { params: { tenant }, body })
    for (const heed of preset?.notes ?? []) note(`at the provider: ${heed}`)
    return shown(made)
  },
})

const listAll = command({
  name: 'idp list',
  summary: 'List the identity providers of a tenant.',
  operands: [TENANT],
  options: { enabled: choice(YES_NO, 'Only those that count, or do not'), ...PAGE, ...CONNECTION },
  examples: [{ line: 'lanyard idp list acme', does: 'Who vouches for the agents of acme.' }],
  wraps: 'GET /v1/tenants/{tenant}/idps',
  run: async ({ operands: [tenant = ''], options: { enabled, limit, cursor, ...options }, io }) => {
    const api = await connect(options, io)
    const query = { enabled: truth(enabled), limit, cursor }
    const reply = await api.call('GET /v1/tenants/{tenant}/idps', { params: { tenant }, query })
    return listing(reply, ['ID', 'ISSUER', 'AUDIENCES', 'FOR AGENTS'], idp => [
      idp.id,
      idp.issuer,
      idp.audiences.join(' '),
      vouches(idp),
    ])
  },
})

const show = command({
  name: 'idp show',
  summary: 'Show an identity provider.',
  operands: [TENANT, IDP],
  options: CONNECTION,
  examples: [{ line: 'lanyard idp show acme https://login.example.com', does: 'What a token of it must hold.' }],
  wraps: 'GET /v1/tenants/{tenant}/idps/{id}',
  run: async ({ operands: [tenant = '', written = ''], options, io }) => {
    const api = await connect(options, io)
    const params = { tenant, id: await idOf(api, tenant, written) }
    return shown(await api.call('GET /v1/tenants/{tenant}/idps/{id}', { params }))
  },
})

const update = command({
  name: 'idp update',
  summary: 'Change an identity provider. Its issuer stays as it is.',
  about:
    'Audiences, algorithms and required claims that are given replace all that it has. Where it was the last that vouched\nfor agents and does so no more, the authority mints for the tenant again.',
  operands: [TENANT, IDP],
  options: { ...DESCRIBED, ...CONNECTION },
  examples: [
    {
      line: 'lanyard idp update acme https://login.example.com --allow-agent-federation yes',
      does: 'From now on it alone vouches for the agents of acme.',
    },
    {
      line: 'lanyard idp update acme https://login.example.com --enabled no',
      does: 'It vouches for nobody; what it has opened goes on, unlike after a kill by --minted-by idp:ID.',
    },
  ],
  wraps: 'PATCH /v1/tenants/{tenant}/idps/{id}',
  run: async ({ operands: [tenant = '', written = ''], options, io }) => {
    const body = describedBy(options)
    if (Object.keys(body).length === 0) throw new Misuse('nothing to change: give at least one option')
    const api = await connect(options, io)
    const params = { tenant, id: await idOf(api, tenant, written) }
    return shown(await api.call('PATCH /v1/tenants/{tenant}/idps/{id}', { params, body }))
  },
})

const remove = command({
  name: 'idp remove',
  summary: 'Delete an identity provider. What it vouched for goes on until it ends.',
  about:
    'To end that at once: lanyard kill --minted-by idp:ID, before. Where it was the last that vouched for agents, the\nauthority mints for the tenant again.',
  operands: [TENANT, IDP],
  options: CONNECTION,
  examples: [{ line: 'lanyard idp remove acme https://login.example.com', does: 'It opens nothing any more.' }],
  wraps: 'DELETE /v1/tenants/{tenant}/idps/{id}',
  run: async ({ operands: [tenant = '', written = ''], options, io }) => {
    const api = await connect(options, io)
    const id = await idOf(api, tenant, written)
    await api.call('DELETE /v1/tenants/{tenant}/idps/{id}', { params: { tenant, id } })
    return { json: NO_REPLY, text: paint => `${paint.good('deleted')} ${id}` }
  },
})

export const idpCommands = [add, listAll, show, update, remove, testToken, exchangeToken, presets]
