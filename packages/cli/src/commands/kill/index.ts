import { randomBytes } from 'node:crypto'
import type { Killed } from '@lanyard/api'
import { CONNECTION, connect } from '../../client/connection.ts'
import { choice, command, flag, number, type Outcome, required, text } from '../../command.ts'
import { defined } from '../../defined.ts'
import { readInput } from '../../files.ts'
import type { Io } from '../../io.ts'
import { visible } from '../../layout.ts'
import { Misuse } from '../../problem.ts'
import { KILL_SCOPES } from '../choices.ts'
import { follow } from '../incident/follow.ts'
import { AGENT_OPERAND } from '../subject.ts'
import { send } from './send.ts'
import { killCall, nameOf, shownTarget, TARGETS, type Target, targetOf } from './target.ts'

export const kill = command({
  name: 'kill',
  summary: 'Take an identity away everywhere, and see who has confirmed it.',
  about: [
    'Of an agent, a tenant, a certificate, a key, or of all that a credential opened.',
    'Answered as soon as it is durable; then services are told, cut what the dead have open, and confirm.',
    'When no reply comes it asks again, with the same incident, so that nothing is done twice.',
    'With --watch exit code 4 says that some enforcement points have not confirmed.',
  ].join('\n'),
  operands: [AGENT_OPERAND],
  options: {
    ...TARGETS,
    reason: required(text('TEXT', 'Why, for the events and the receipt')),
    scope: choice(
      KILL_SCOPES,
      'Of an agent: what dies with it, all that came from the same; only itself where not given',
    ),
    evidence: text('FILE', 'JSON object to keep encrypted with the incident, - for standard input'),
    ttl: number('SEC', 'Reinstate by itself after so many seconds'),
    incident: text(
      'ID',
      'Name the incident yourself, with something random in it; the same kill under the same name is done once',
    ),
    watch: flag('Show steps and acknowledgements as they come, until the receipt is signed'),
    receipt: text('FILE', 'Watch, and write the receipt there'),
    ...CONNECTION,
  },
  examples: [
    {
      line: 'lanyard kill acme/invoice --reason "sends mail to strangers" --watch',
      does: 'One agent, watched to the end.',
    },
    {
      line: 'lanyard kill acme/invoice --reason "laptop stolen" --scope api-key --receipt invoice.receipt',
      does: 'With all that the API key opened which opened its lineages, and with that key.',
    },
    { line: 'lanyard kill --serial 5f1d7a84e5a04a0d9b6a3c0f2e1d4c3b --reason "key in a log"', does: 'One lineage.' },
    {
      line: 'lanyard kill --minted-by api-key:c76b93421fa1 --reason "key leaked"',
      does: 'An API key and its offspring.',
    },
    {
      line: 'lanyard kill --tenant acme --reason "supplier breached" --ttl 3600',
      does: 'A whole tenant, for an hour.',
    },
  ],
  wraps: 'POST /v1/agents/{tenant}/{agent}/kill',
  run: async ({ operands: [operand], options, io, emit, note }) => {
    const target = targetOf(operand, options)
    if (options.scope !== undefined && target.kind !== 'agent') throw new Misuse('--scope goes with TENANT/AGENT alone')
    const incident = options.incident ?? `kill-${randomBytes(8).toString('hex')}`
    const snapshot = options.evidence === undefined ? undefined : await readEvidence(options.evidence, io)
    const api = await connect(options, io)
    const body = { reason: options.reason, incident, ...defined({ snapshot, ttl_sec: options.ttl }) }
    const killed = await send(() => killCall(api, target, body, options.scope), { incident, note })
    const answer = answered(killed, target)
    if (!options.watch && options.receipt === undefined) return answer
    emit(answer)
    return follow(api, killed.incident, { io, emit, note, receipt: options.receipt })
  },
})

const answered = (killed: Killed, target: Target): Outcome => ({
  json: killed,
  text: paint =>
    `${paint.bad('killed')} ${paint.strong(visible(nameOf(shownTarget(target))))}, incident ${visible(killed.incident)}, epoch ${killed.epoch}, ${visible(killed.at)}`,
})

/** The evidence of the caller. Throws {@link Misuse} for anything but a JSON object. */
async function readEvidence(file: string, io: Io): Promise<Record<string, unknown>> {
  const bytes = file === '-' ? await io.read() : readInput(file, '--evidence')
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    throw new Misuse(`--evidence: expected JSON in ${file}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Misuse(`--evidence: expected a JSON object in ${file}`)
  return value as Record<string, unknown>
}
