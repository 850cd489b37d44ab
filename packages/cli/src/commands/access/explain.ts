import type { CallReply } from '../../client/client.ts'
import { CONNECTION, connect } from '../../client/connection.ts'
import { command, list, type Outcome, text } from '../../command.ts'
import { defined } from '../../defined.ts'
import { Misuse } from '../../problem.ts'
import { stepLine } from '../step-line.ts'
import { parseAgent } from '../subject.ts'
import { ISSUER_OPTION, parseWho, WHO, withIssuer } from './who.ts'

export const explain = command({
  name: 'access explain',
  summary: 'Explain whether somebody may do something, by which binding, role and policy, or why not.',
  about: 'Ends with 1 where they may not.',
  operands: [
    { ...WHO, about: `${WHO.about}, or api-key:ID` },
    { name: 'ACTION', about: 'A permission, such as agent.kill, or a call, such as killAgent' },
    { name: 'WHAT', about: 'TENANT/AGENT, or --tenant; a call that names neither where not given', optional: true },
  ],
  options: {
    tenant: text('TENANT', 'In this tenant, and for no agent'),
    group: list('GROUP', 'A group that the issuer would say of the user'),
    ...ISSUER_OPTION,
    ...CONNECTION,
  },
  examples: [
    { line: 'lanyard access explain user:ada agent.kill acme/invoice', does: 'Whether Ada may kill it, and why.' },
    {
      line: 'lanyard access explain user:ada createAgent --tenant acme --group sre',
      does: 'The same for a call, if she is in this group.',
    },
  ],
  wraps: 'POST /v1/access/explain',
  run: async ({ operands: [written = '', action = '', what], options, io }) => {
    const { tenant, group, issuer, ...connection } = options
    if (what !== undefined && tenant !== undefined) throw new Misuse('expected either TENANT/AGENT or --tenant')
    const who = parseWho(written, ['api-key'])
    const target = what === undefined ? defined({ tenant }) : parseAgent(what)
    const api = await connect(connection, io)
    const groups = defined({ groups: group && [...group] })
    const body = { who: await withIssuer(api, who, issuer), ...groups, action, ...target }
    return shown(await api.call('POST /v1/access/explain', { body }))
  },
})

const shown = (found: CallReply<'POST /v1/access/explain'>): Outcome => ({
  json: found,
  text: paint => {
    const said = found.allowed ? paint.good('allowed') : paint.bad('not allowed')
    return [...found.steps.map(step => stepLine(step, paint)), said].join('\n')
  },
  exit: found.allowed ? 'ok' : 'refused',
})
