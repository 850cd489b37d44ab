import type { CallReply } from '../../client/client.ts'
import { CONNECTION, connect } from '../../client/connection.ts'
import { command, type Outcome } from '../../command.ts'
import { visible } from '../../layout.ts'
import { stepLine } from '../step-line.ts'
import { IDP, idOf, TENANT } from './find.ts'
import { readToken, TOKEN_INPUT } from './token-input.ts'

type Verdict = CallReply<'POST /v1/tenants/{tenant}/idps/{id}/test'>

export const testToken = command({
  name: 'idp test',
  summary: 'Judge a token as federated bootstrap would, and explain each step.',
  about:
    'Nothing is changed, and the token is not spent. It comes from a file or from standard input, never as an argument:\nothers can read these. Ends with 1 where the token is not accepted. Policies are not asked: `policy explain` does that.',
  operands: [TENANT, IDP],
  options: { ...TOKEN_INPUT, ...CONNECTION },
  examples: [
    {
      line: 'lanyard idp test acme https://login.example.com --token-file agent.jwt',
      does: 'Says step by step what holds, and which agent it would be.',
    },
  ],
  wraps: 'POST /v1/tenants/{tenant}/idps/{id}/test',
  run: async ({ operands: [tenant = '', written = ''], options: { 'token-file': file, ...options }, io }) => {
    const token = await readToken(file, io)
    const api = await connect(options, io)
    const params = { tenant, id: await idOf(api, tenant, written) }
    return shown(await api.call('POST /v1/tenants/{tenant}/idps/{id}/test', { params, body: { token } }))
  },
})

const shown = (verdict: Verdict): Outcome => ({
  json: verdict,
  text: paint => {
    const said = verdict.accepted
      ? `${paint.good('accepted')}: agent ${visible(verdict.agent)}`
      : `${paint.bad('not accepted')}: see the last step`
    return [...verdict.steps.map(step => stepLine(step, paint)), said].join('\n')
  },
  exit: verdict.accepted ? 'ok' : 'refused',
})
