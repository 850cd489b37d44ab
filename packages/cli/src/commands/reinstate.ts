import { CONNECTION, connect } from '../client/connection.ts'
import { command, required, text } from '../command.ts'
import { count, visible } from '../layout.ts'
import { Misuse } from '../problem.ts'
import { AGENT_OPERAND, parseAgent } from './subject.ts'

export const reinstate = command({
  name: 'reinstate',
  summary: 'Let a killed agent, or the agents of a killed tenant, bootstrap again. Nothing old revives.',
  about: 'Each begins its next incarnation and needs a new token. Killed keys, lineages and API keys stay dead.',
  operands: [AGENT_OPERAND],
  options: {
    tenant: text('TENANT', 'The agents that the kill of this tenant quarantined'),
    reason: required(text('TEXT', 'Why, for the events')),
    ...CONNECTION,
  },
  examples: [
    { line: 'lanyard reinstate acme/invoice --reason "prompt fixed, key replaced"', does: 'It may bootstrap again.' },
    { line: 'lanyard reinstate --tenant acme --reason "false alarm"', does: 'All that the kill of acme took.' },
  ],
  wraps: 'POST /v1/agents/{tenant}/{agent}/reinstate',
  run: async ({ operands: [operand], options: { tenant: whole, reason, ...options }, io }) => {
    if ((operand === undefined) === (whole === undefined)) throw new Misuse('expected either TENANT/AGENT or --tenant')
    const body = { reason }
    if (whole !== undefined) {
      const api = await connect(options, io)
      const reply = await api.call('POST /v1/tenants/{tenant}/reinstate', { params: { tenant: whole }, body })
      const told = `tenant ${visible(reply.tenant)}: ${count(reply.agents, 'agent')} may bootstrap again`
      return { json: reply, text: paint => `${paint.good('reinstated')} ${told}` }
    }
    const params = parseAgent(operand ?? '')
    const api = await connect(options, io)
    const agent = await api.call('POST /v1/agents/{tenant}/{agent}/reinstate', { params, body })
    const who = visible(`${agent.tenant}/${agent.agent}`)
    const next = `incarnation ${agent.incarnation}: it bootstraps with a new token`
    return { json: agent, text: paint => `${paint.good('reinstated')} ${who}, ${next}` }
  },
})
