import type { CallReply } from '../../client/client.ts'
import { CONNECTION, connect } from '../../client/connection.ts'
import { command, flag, type Outcome } from '../../command.ts'
import { defined } from '../../defined.ts'
import { visible } from '../../layout.ts'
import { Misuse } from '../../problem.ts'
import { said } from './explain.ts'
import { SCOPE, VERSION, versionIn } from './versions.ts'

export const shadow = command({
  name: 'policy shadow',
  summary: 'Ask a version beside the one that decides, and list where they differ on real requests.',
  about: 'Each instance tells of what was asked of it since it began. A version in the shadow decides nothing.',
  operands: [
    { ...VERSION, about: 'Ask this one from now on; where not given, show where they differ', optional: true },
  ],
  options: { ...SCOPE, off: flag('Ask it no more'), ...CONNECTION },
  examples: [
    { line: 'lanyard policy shadow 4 --tenant acme', does: 'Asks the fourth version beside the active one.' },
    { line: 'lanyard policy shadow --tenant acme', does: 'What they answered differently.' },
  ],
  wraps: 'GET /v1/policies/shadow',
  run: async ({ operands: [written], options: { tenant, off, ...options }, io }) => {
    if (written === undefined && off) throw new Misuse('--off: expected the number of a version')
    const version = written === undefined ? undefined : String(versionIn(written))
    const api = await connect(options, io)
    if (version === undefined) return shown(await api.call('GET /v1/policies/shadow', { query: defined({ tenant }) }))
    const body = { ...defined({ tenant }), on: off !== true }
    const reply = await api.call('POST /v1/policies/{version}/shadow', { params: { version }, body })
    return { json: reply, text: `version ${reply.version} is ${reply.state}` }
  },
})

const shown = (report: CallReply<'GET /v1/policies/shadow'>): Outcome => ({
  json: report,
  text: paint =>
    [
      `version ${report.version}, since ${report.since}: ${report.differing} of ${report.asked} answers differ`,
      ...report.examples.flatMap(({ at, principal, action, resource, active, shadow }) => [
        `${paint.faint(at)}  ${visible(principal)} ${paint.strong(visible(action))} ${visible(resource)}`,
        `  active  ${said(active, paint)}`,
        `  shadow  ${said(shadow, paint)}`,
      ]),
    ].join('\n'),
})
