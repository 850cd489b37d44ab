import type { Incident, IncidentHead } from '@lanyard/api'
import type { Outcome } from '../../command.ts'
import { brief, card, count, table, visible } from '../../layout.ts'
import type { Paint } from '../../paint.ts'
import { nameOf } from '../kill/target.ts'
import { inOrder, type News } from './watch.ts'

type Acknowledgement = Incident['acknowledgements'][number]

/** Unix ms from a time of the API. */
const ms = (time: string): number => Date.parse(time)
const after = (time: string | null, { at }: { readonly at: string }): string | null =>
  time === null ? null : signed(ms(time) - ms(at))
const signed = (span: number): string => `${span < 0 ? '-' : '+'}${brief(Math.abs(span))}`

/** An incident: the reply itself, or a card with its steps and enforcement points. */
export function shownIncident(incident: Incident, now: number): Outcome {
  return {
    json: incident,
    text: paint =>
      [
        card(rowsOf(incident, now), paint),
        table(
          ['STEP', 'STATE', 'AFTER', 'BY'],
          inOrder(incident.steps).map(one => [one.step, one.state, after(one.at, incident), one.instance]),
          paint,
        ),
        incident.acknowledgements.length === 0
          ? paint.faint('no enforcement point held a lease')
          : points(incident, paint),
      ].join('\n\n'),
  }
}

const points = (incident: Incident, paint: Paint): string =>
  table(
    ['POINT', 'OUTCOME', 'AFTER', 'CLOCK', 'CUT', 'LAST ACCEPT', 'FAILS CLOSED BY'],
    incident.acknowledgements.map(one => [
      one.spiffe_id ?? `${one.point} (of another tenant)`,
      one.outcome,
      after(one.applied_at, incident),
      clock(one),
      one.cut,
      after(one.last_accept, incident),
      one.fails_closed_by,
    ]),
    paint,
  )

/** What was added to a clock, and by how much that may be wrong: `+3 ± 1 ms`. */
export function clock({ offset_ms, uncertainty_ms }: Pick<Acknowledgement, 'offset_ms' | 'uncertainty_ms'>) {
  if (offset_ms === null) return null
  return `${signed(offset_ms)}${uncertainty_ms === null ? '' : ` ± ${brief(uncertainty_ms)}`}`
}

function rowsOf(incident: IncidentHead & Pick<Incident, 'receipt'>, now: number): [string, unknown][] {
  const { at, closed_at, unguarded_until, ttl_until } = incident
  return [
    ['incident', incident.incident],
    [
      'killed',
      incident.target.kind === 'agent'
        ? `${nameOf(incident.target)}, scope ${incident.scope}`
        : nameOf(incident.target),
    ],
    ['reason', incident.reason],
    ['by', incident.opened_by],
    ['at', `${at}, epoch ${incident.epoch}`],
    ['state', closed_at === null ? incident.state : `closed ${after(closed_at, incident)}`],
    ['revoked', count(incident.revoked, 'certificate')],
    ['unguarded', unguarded(unguarded_until, now)],
    ...(ttl_until === null ? [] : [['ends', `${ttl_until}, reinstated by itself`] satisfies [string, string]]),
    ['receipt', incident.receipt === null ? 'open' : `lanyard receipt get ${incident.incident} --out FILE`],
  ]
}

/** Until when services that have no guard may go on accepting. */
export function unguarded(until: string | null, now: number): string {
  if (until === null) return 'every certificate had ended'
  if (ms(until) <= now) return `services without a guard could accept until ${until}: over`
  return `services without a guard may accept until ${until}, for ${brief(ms(until) - now)}`
}

/** One thing that came to be known, as a line. */
export function newsLine(news: News, incident: Incident, paint: Paint): string {
  if (news.kind === 'step') {
    const { step, at, instance } = news.step
    return `${time(after(at, incident), paint)} ${paint.faint(`step ${step} done${instance === null ? '' : ` by ${visible(instance)}`}`)}`
  }
  const { outcome, spiffe_id, point, applied_at, cut, last_accept, fails_closed_by } = news.acknowledgement
  const who = visible(spiffe_id ?? `${point} (of another tenant)`)
  switch (outcome) {
    case 'applied': {
      const seen = [
        `${count(cut ?? 0, 'connection')} cut`,
        last_accept && `last accept ${after(last_accept, incident)}`,
      ]
      return `${time(after(applied_at, incident), paint)} ${paint.good('applied')} ${who} ${paint.faint(seen.filter(Boolean).join(', '))}`
    }
    case 'silent':
      return `${time(null, paint)} ${paint.warning('silent')} ${who} ${paint.faint(`fails closed by ${visible(fails_closed_by)}`)}`
    case 'best_effort':
      return `${time(null, paint)} ${paint.warning('best effort')} ${who} ${paint.faint('unbounded')}`
    case 'killed':
      return `${time(null, paint)} ${paint.faint('killed')} ${who} ${paint.faint('itself: nobody waits for its word')}`
    case 'waiting':
      return `${time(null, paint)} ${paint.faint('waiting')} ${who}`
  }
}

const time = (text: string | null, paint: Paint): string => paint.faint((text ?? '').padStart(9))

/** Whether every point that held a lease has confirmed, in a sentence. */
export function summary(incident: Incident, now: number, paint: Paint): string {
  const all = asked(incident)
  const by = (outcome: Acknowledgement['outcome']) => all.filter(one => one.outcome === outcome).length
  const others = (['silent', 'best_effort', 'waiting'] as const)
    .filter(by)
    .map(one => `${by(one)} ${one.replace('_', ' ')}`)
  const applied = `${by('applied')} of ${count(all.length, 'enforcement point')} applied`
  const told = others.length === 0 ? paint.good(applied) : `${paint.warning(applied)}, ${others.join(', ')}`
  const head = all.length === 0 ? paint.warning('no enforcement point held a lease') : told
  return `${head}; ${paint.faint(unguarded(incident.unguarded_until, now))}`
}

/** Every point that held a lease, those of the killed aside, has confirmed. */
export const isConfirmed = (incident: Incident): boolean =>
  incident.state === 'closed' && asked(incident).every(({ outcome }) => outcome === 'applied')

const asked = ({ acknowledgements }: Pick<Incident, 'acknowledgements'>): readonly Acknowledgement[] =>
  acknowledgements.filter(({ outcome }) => outcome !== 'killed')
