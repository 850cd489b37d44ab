import { Misuse } from '../problem.ts'

/** Who a command is about, in the form in which events and lists show it. */
export const AGENT_OPERAND = { name: 'TENANT/AGENT', about: 'The agent, such as acme/invoice', optional: true } as const

/** Tenant and name of an agent from `acme/invoice`. Throws {@link Misuse}. */
export function parseAgent(written: string): { tenant: string; agent: string } {
  const [tenant, agent, ...more] = written.split('/')
  if (tenant && agent && more.length === 0) return { tenant, agent }
  const whole = tenant && more.length === 0 ? `; for all agents of a tenant: --tenant ${tenant}` : ''
  throw new Misuse(`expected TENANT/AGENT, got ${JSON.stringify(written)}${whole}`)
}
