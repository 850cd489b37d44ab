import type { ExplainedVerdict, ExplainReply } from '@lanyard/daemon'
import { connectDaemon, DAEMON } from '../../client/daemon.ts'
import { command, number, type Outcome, required } from '../../command.ts'
import { visible } from '../../layout.ts'
import type { Paint } from '../../paint.ts'
import { Misuse, Refusal } from '../../problem.ts'

export const explain = command({
  name: 'entry explain',
  summary: 'Say which identity a process of this machine would get, and why it gets no other.',
  about: 'Asks the daemon of this machine; for root and for the user of the daemon.',
  operands: [],
  options: { pid: required(number('PID', 'The process')), ...DAEMON },
  examples: [
    { line: 'lanyard entry explain --pid 4711', does: 'Its selectors, and for each entry what it lacks.' },
    { line: 'lanyard entry explain --pid 4711 --json', does: 'The same for a program.' },
  ],
  run: async ({ options, io }) => {
    const { pid } = options
    if (pid < 1) throw new Misuse(`--pid: expected the number of a process, got ${pid}`)
    const daemon = connectDaemon(options, io)
    try {
      return shown(await daemon.call<ExplainReply>('POST', '/explain', { pid }).catch(ofNobody))
    } finally {
      daemon.close()
    }
  },
})

/** What helps the process that asks for itself does not help whoever asks about another. */
function ofNobody(error: unknown): never {
  if (!(error instanceof Refusal) || error.problem.code !== 'workload_gone') throw error
  throw new Refusal({ ...error.problem, remedy: 'Give the number of a process that runs, such as `pgrep` tells it.' })
}

/** A node may have ten thousand entries: a person wants those that nearly match. */
const SHOWN = 20

/** What it gets first, in the order of the daemon; then what it lacks least. */
const nearest = (verdicts: readonly ExplainedVerdict[]): ExplainedVerdict[] =>
  verdicts.toSorted((a, b) => Number(b.given) - Number(a.given) || a.missing.length - b.missing.length).slice(0, SHOWN)

const shown = (found: ExplainReply): Outcome => ({
  json: found,
  text: paint => {
    const rest = found.verdicts.length - SHOWN
    const main = found.main_of.length > 0 ? found.main_of.join(', ') : null
    const launched = found.launched_for === null ? main : `lanyard run, for entry ${found.launched_for}`
    return [
      `${paint.strong(`process ${found.pid}`)} uid ${found.uid}, gid ${found.gid}`,
      `  ${paint.faint('launched by')} ${visible(launched ?? 'nobody: it is no main process')}`,
      ...found.selectors.map(selector => `  ${paint.faint('selector')} ${visible(selector)}`),
      ...nothingServed(found, paint),
      ...nearest(found.verdicts).map(verdict => line(verdict, paint)),
      ...(rest > 0 ? [paint.faint(`and ${rest} further from it: --json shows all`)] : []),
    ].join('\n')
  },
})

/** A node that the authority let go has no entries either: that is the reason, and not the entries. */
function nothingServed({ node, verdicts }: ExplainReply, paint: Paint): string[] {
  if (node !== null)
    return [`${paint.bad('this node gives nobody an identity')}: ${node.code}: ${visible(node.detail)}`]
  return verdicts.length === 0 ? [paint.faint('no entry is served on this node')] : []
}

function line({ entry, spiffe_id, given, code, missing, detail }: ExplainedVerdict, paint: Paint): string {
  const who = `${visible(spiffe_id)} ${paint.faint(`entry ${visible(entry)}`)}`
  if (given) return `${paint.good('gets')} ${who}`
  const lacks = missing.length > 0 ? `: it lacks ${missing.map(visible).join(', ')}` : ''
  const told = detail === null ? '' : `: ${visible(detail)}`
  return `${paint.bad('not')}  ${who} ${visible(code ?? '')}${lacks}${told}`
}
