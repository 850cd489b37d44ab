import type { CallInput } from '../../client/client.ts'
import { CONNECTION, connect } from '../../client/connection.ts'
import { choice, command, list, number, type Outcome, text, type Values } from '../../command.ts'
import { defined } from '../../defined.ts'
import { readSecret } from '../../files.ts'
import { card, duration } from '../../layout.ts'
import { listing, NO_REPLY, PAGE } from '../../listing.ts'
import { Misuse } from '../../problem.ts'
import { EXTERNAL_ALGORITHMS, YES_NO } from '../choices.ts'
import { algorithmOf, truth } from '../idp/described.ts'
import { type Issuer, issuerOf } from './who.ts'

const ISSUER = { name: 'ISSUER', about: 'Its id, or its URL, as `access issuer list` shows them' } as const

const DESCRIBED = {
  audience: list('TEXT', 'One of these must stand in `aud` of a token, and no further one'),
  'jwks-uri': text('URL', 'Where its keys are; `none`: as its discovery document says'),
  algorithm: list(EXTERNAL_ALGORITHMS.join('|'), 'What it may sign with; RS256 and ES256 where not given'),
  'subject-claim': text('CLAIM', 'Who it is: a name, or a JSON Pointer such as /a/b; `sub` where not given'),
  'name-claim': text('CLAIM', 'How people call them; `name` where not given'),
  'groups-claim': text('CLAIM', 'Which groups they are in; `groups` where not given'),
  'max-age': number('SEC', 'Seconds since a token was made'),
  'login-client': text('ID', 'The public client of `lanyard login`; `none`: nobody logs in by it'),
  'login-scope': list('SCOPE', 'What `lanyard login` asks for; `openid` where not given'),
  'introspection-url': text('URL', 'Where opaque tokens are asked about (RFC 7662); `none`: it has none'),
  'introspection-client': text('ID', 'The client that asks there'),
  'introspection-secret-file': text('FILE', 'Its secret; kept encrypted, never shown'),
  enabled: choice(YES_NO, 'Whether it vouches for anybody; yes where not given'),
} as const

type Settings = CallInput<'PATCH /v1/access/issuers/{id}'>['body']

/** The settings that are given. Throws {@link Misuse}. */
function describedBy(options: Values<typeof DESCRIBED>): Settings {
  const jwks = options['jwks-uri']
  const secret = options['introspection-secret-file']
  return defined({
    audiences: options.audience && [...options.audience],
    jwks_uri: jwks === 'none' ? null : jwks,
    algorithms: options.algorithm?.map(algorithmOf),
    claims: claimsOf(options),
    max_token_age_sec: options['max-age'],
    login: loginOf(options),
    introspection: introspectionOf(options),
    introspection_secret: secret === undefined ? undefined : readSecret(secret, '--introspection-secret-file'),
    enabled: truth(options.enabled),
  }) as Settings
}

function claimsOf(options: Values<typeof DESCRIBED>): Issuer['claims'] | undefined {
  const { 'subject-claim': subject, 'name-claim': name, 'groups-claim': groups } = options
  if (subject === undefined && name === undefined && groups === undefined) return undefined
  return { subject: subject ?? 'sub', name: name ?? 'name', groups: groups ?? 'groups' }
}

function loginOf(options: Values<typeof DESCRIBED>): Issuer['login'] | undefined {
  const { 'login-client': client, 'login-scope': scopes } = options
  if (client === 'none') return null
  if (client !== undefined) return { client_id: client, scopes: [...(scopes ?? ['openid'])] }
  if (scopes !== undefined) throw new Misuse('--login-scope goes with --login-client')
  return undefined
}

function introspectionOf(options: Values<typeof DESCRIBED>): Issuer['introspection'] | undefined {
  const { 'introspection-url': url, 'introspection-client': client } = options
  if (url === 'none') return null
  if (url !== undefined && client !== undefined) return { url, client_id: client }
  if (url !== undefined || client !== undefined)
    throw new Misuse('expected --introspection-url and --introspection-client together')
  return undefined
}

const shown = (issuer: Issuer): Outcome => ({
  json: issuer,
  text: paint =>
    card(
      [
        ['issuer', issuer.issuer],
        ['id', issuer.id],
        ['vouches', issuer.enabled ? whereText(issuer) : 'for nobody: it is disabled'],
        ['keys', issuer.jwks_uri ?? 'as its discovery document says'],
        ['audiences', issuer.audiences.join(', ')],
        ['signs with', issuer.algorithms.join(', ')],
        ['claims', `who ${issuer.claims.subject}, called ${issuer.claims.name}, in groups ${issuer.claims.groups}`],
        ['token age', `at most ${duration(issuer.max_token_age_sec)}`],
        ['login', issuer.login === null ? 'nobody logs in by it' : `client ${issuer.login.client_id}`],
        ['opaque', issuer.introspection === null ? 'no introspection' : `asked at ${issuer.introspection.url}`],
        ['made by', issuer.created_by],
        ['changed by', `${issuer.updated_by}, ${issuer.updated_at}`],
      ],
      paint,
    ),
})

const whereText = ({ tenant }: Pick<Issuer, 'tenant'>): string =>
  tenant === null ? 'in all tenants' : `in tenant ${tenant}`

const add = command({
  name: 'access issuer add',
  summary: 'Let an issuer vouch for people and programs. What they may do is said by bindings.',
  operands: [{ name: 'URL', about: 'Compared letter by letter with `iss`' }],
  options: {
    tenant: text('TENANT', 'Only roles in this tenant can be given to whom it vouches for'),
    ...DESCRIBED,
    ...CONNECTION,
  },
  examples: [
    {
      line: 'lanyard access issuer add https://login.example.com --audience https://id.example.org --login-client lanyard-cli',
      does: 'People log in there with `lanyard login`.',
    },
    {
      line: 'lanyard access issuer add https://auth.example.com --audience lanyard --introspection-url https://auth.example.com/introspect --introspection-client lanyard --introspection-secret-file client.secret',
      does: 'Programs come with opaque tokens, about which the authority asks.',
    },
  ],
  wraps: 'POST /v1/access/issuers',
  run: async ({ operands: [issuer = ''], options: { tenant, ...options }, io }) => {
    const { audiences, ...settings } = describedBy(options)
    if (audiences === undefined)
      throw new Misuse('--audience is missing: tokens that the issuer makes for others must not count here')
    const api = await connect(options, io)
    const body = { issuer, audiences, ...settings, ...defined({ tenant }) }
    return shown(await api.call('POST /v1/access/issuers', { body }))
  },
})

const listAll = command({
  name: 'access issuer list',
  summary: 'List the issuers of people and programs.',
  operands: [],
  options: { tenant: text('TENANT', 'Only of this tenant'), ...PAGE, ...CONNECTION },
  examples: [{ line: 'lanyard access issuer list', does: 'Who vouches for people and programs, and where.' }],
  wraps: 'GET /v1/access/issuers',
  run: async ({ options: { tenant, limit, cursor, ...options }, io }) => {
    const api = await connect(options, io)
    const reply = await api.call('GET /v1/access/issuers', { query: { tenant, limit, cursor } })
    return listing(reply, ['ID', 'ISSUER', 'TENANT', 'LOGIN', 'ENABLED'], issuer => [
      issuer.id,
      issuer.issuer,
      issuer.tenant,
      issuer.login?.client_id,
      issuer.enabled ? 'yes' : 'no',
    ])
  },
})

const update = command({
  name: 'access issuer update',
  summary: 'Change an issuer. A disabled one vouches for nobody from then on.',
  about: 'Audiences, algorithms and claims that are given replace all that it has.',
  operands: [ISSUER],
  options: { ...DESCRIBED, ...CONNECTION },
  examples: [
    {
      line: 'lanyard access issuer update https://login.example.com --enabled no',
      does: 'Sessions and tokens of it count no more, at once.',
    },
  ],
  wraps: 'PATCH /v1/access/issuers/{id}',
  run: async ({ operands: [written = ''], options, io }) => {
    const body = describedBy(options)
    if (Object.keys(body).length === 0) throw new Misuse('nothing to change: give at least one option')
    const api = await connect(options, io)
    const params = { id: await issuerOf(api, written) }
    return shown(await api.call('PATCH /v1/access/issuers/{id}', { params, body }))
  },
})

const remove = command({
  name: 'access issuer remove',
  summary: 'Delete an issuer, with the bindings of its users and groups.',
  operands: [ISSUER],
  options: CONNECTION,
  examples: [{ line: 'lanyard access issuer remove https://login.example.com', does: 'Its tokens count no more.' }],
  wraps: 'DELETE /v1/access/issuers/{id}',
  run: async ({ operands: [written = ''], options, io }) => {
    const api = await connect(options, io)
    const id = await issuerOf(api, written)
    await api.call('DELETE /v1/access/issuers/{id}', { params: { id } })
    return { json: NO_REPLY, text: paint => `${paint.good('deleted')} ${id}` }
  },
})

export const issuerCommands = [add, listAll, update, remove]
