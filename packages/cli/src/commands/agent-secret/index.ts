import { resolve } from 'node:path'
import { connectBySecret, FACTORS } from '../../client/agent-secret.ts'
import { CONNECTION, connect } from '../../client/connection.ts'
import { command, type Outcome, required, text } from '../../command.ts'
import { defined } from '../../defined.ts'
import { writeFiles } from '../../files.ts'
import { card, duration } from '../../layout.ts'
import { keepSecret } from './keep-secret.ts'

const WHO = [
  { name: 'TENANT', about: 'Name of its tenant' },
  { name: 'AGENT', about: 'Name of the agent' },
] as const
const OUT = text('FILE', 'Write the secret there (0600) and do not show it')

const create = command({
  name: 'agent secret create',
  summary: 'Make a secret for an agent. It is shown this once.',
  about:
    'The secret before it ends at once; sessions that it opened go on. So an agent that lost its secret, or the reply to a\nrotation, is helped. Standard output holds the secret and nothing else.',
  operands: WHO,
  options: { out: OUT, ...CONNECTION },
  examples: [
    {
      line: 'lanyard agent secret create acme planner --out planner.secret',
      does: 'For an agent that finds it by LANYARD_AGENT_SECRET_FILE=planner.secret.',
    },
  ],
  wraps: 'POST /v1/agents/{tenant}/{agent}/secret',
  run: async ({ operands: [tenant = '', agent = ''], options: { out, ...options }, io, note }) => {
    const api = await connect(options, io)
    const made = await api.call('POST /v1/agents/{tenant}/{agent}/secret', { params: { tenant, agent } })
    return keepSecret(made, out === undefined ? null : resolve(io.cwd, out), note)
  },
})

const show = command({
  name: 'agent secret show',
  summary: 'Say which secret an agent has, without the secret.',
  about:
    'A kill ends the secret with the incarnation of the agent: after a reinstatement the agent needs a new one, although this\none is still shown.',
  operands: WHO,
  options: CONNECTION,
  examples: [{ line: 'lanyard agent secret show acme planner', does: 'Its public id, who made it, and when.' }],
  wraps: 'GET /v1/agents/{tenant}/{agent}/secret',
  run: async ({ operands: [tenant = '', agent = ''], options, io }) => {
    const api = await connect(options, io)
    const secret = await api.call('GET /v1/agents/{tenant}/{agent}/secret', { params: { tenant, agent } })
    return {
      json: secret,
      text: paint =>
        card(
          [
            ['secret', secret.id],
            ['agent', `${secret.tenant}/${secret.agent}, incarnation ${secret.incarnation}`],
            ['from', `${secret.created_by}, ${secret.created_at}`],
          ],
          paint,
        ),
    }
  },
})

const rotate = command({
  name: 'agent secret rotate',
  summary: 'Exchange the secret of an agent for a new one, by the old one.',
  about:
    'The old one is dead with the answer. When the answer is lost, the new one is lost with it: an operator makes another\n(`agent secret create`). Of several that exchange one secret at once, one succeeds.\nStandard output holds the new secret and nothing else.',
  operands: WHO,
  options: { ...FACTORS, out: OUT, ...CONNECTION },
  examples: [
    {
      line: 'lanyard agent secret rotate acme planner --secret-file planner.secret --out planner.secret',
      does: 'Puts the new secret in the place of the old one.',
    },
  ],
  wraps: 'POST /v1/agents/{tenant}/{agent}/rotate-secret',
  run: async ({ operands: [tenant = '', agent = ''], options: { out, ...options }, io, note }) => {
    const api = await connectBySecret(options, options, io)
    const made = await api.call('POST /v1/agents/{tenant}/{agent}/rotate-secret', { params: { tenant, agent } })
    return keepSecret(made, out === undefined ? null : resolve(io.cwd, out), note)
  },
})

const revoke = command({
  name: 'agent secret revoke',
  summary: 'Revoke the secret of an agent at once, with every session that it or those before it opened.',
  about:
    'Certificates by these sessions are revoked, and connections that use them are cut. What the agent got by other ways goes\non: `lanyard kill` takes all of it.',
  operands: WHO,
  options: { reason: required(text('TEXT', 'Why, for the events')), ...CONNECTION },
  examples: [
    {
      line: 'lanyard agent secret revoke acme planner --reason "it lay in a paste"',
      does: 'Nobody is planner by a secret any more.',
    },
  ],
  wraps: 'POST /v1/agents/{tenant}/{agent}/revoke-secret',
  run: async ({ operands: [tenant = '', agent = ''], options: { reason, ...options }, io }): Promise<Outcome> => {
    const api = await connect(options, io)
    const call = { params: { tenant, agent }, body: { reason } }
    const reply = await api.call('POST /v1/agents/{tenant}/{agent}/revoke-secret', call)
    const { secrets, lineages, revoked } = reply
    return {
      json: reply,
      text: paint => {
        const what = secrets === 0 ? 'no secret counted' : `${paint.good('revoked')} the secret`
        return `${what} of ${tenant}/${agent}; sessions ended: ${lineages}, certificates revoked: ${revoked.length}`
      },
    }
  },
})

const session = command({
  name: 'agent session',
  summary: 'Exchange the secret of an agent, and its certificate where one is required, for an agent token.',
  about:
    'Good for 15 minutes, for the first key that comes with it. `lanyard cert request` takes the secret by itself.\nStandard output holds the token and nothing else.',
  operands: WHO,
  options: {
    ...FACTORS,
    jkt: text('THUMBPRINT', 'Bind the token to this key at once: RFC 7638, SHA-256, base64url'),
    out: text('FILE', 'Write the token there (0600) and do not show it'),
    ...CONNECTION,
  },
  examples: [
    {
      line: 'lanyard agent session acme planner --secret-file planner.secret --out planner.token',
      does: 'By the secret alone, where no certificate is required.',
    },
    {
      line: 'lanyard agent session acme planner --secret-file planner.secret --client-cert svid.pem --client-key svid_key.pem',
      does: 'By both factors.',
    },
  ],
  wraps: 'POST /v1/agent/session',
  run: async ({ operands: [tenant = '', agent = ''], options: { jkt, out, ...options }, io, note }) => {
    const api = await connectBySecret(options, options, io)
    const reply = await api.call('POST /v1/agent/session', { body: { tenant, agent, ...defined({ jkt }) } })
    const { token, ...rest } = reply
    const file = out === undefined ? null : resolve(io.cwd, out)
    if (file !== null) writeFiles([{ path: file, content: `${token}\n`, mode: 0o600 }])
    note(`${file ?? 'token'}: one key of ${reply.spiffe_id}, within ${duration(reply.expires_in)}`)
    return { json: file === null ? reply : { ...rest, token_file: file }, text: file === null ? token : '' }
  },
})

export const agentSecretCommands = [create, show, rotate, revoke, session]
