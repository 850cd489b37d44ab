import type { IncidentHead } from '@lanyard/api'
import type { FeedLine } from '@lanyard/protocol'
import { brief, count, visible } from '../../layout.ts'
import type { Paint } from '../../paint.ts'
import { nameOf } from '../kill/target.ts'

interface Shown {
  readonly before: FeedLine | null
  readonly killed: readonly IncidentHead[]
  /** Unix ms. */
  readonly now: number
}

/** A line for a person. The age is by the clock here, which may differ from the authority's. */
export function textLine(line: FeedLine, { before, killed, now }: Shown, paint: Paint): string {
  const at = paint.faint(new Date(line.asOf).toISOString().slice(11, 23))
  const head = `${at} epoch ${line.epoch}`
  const rest = paint.faint(`age ${brief(now - line.asOf)}, instance ${visible(line.instance).slice(0, 8)}`)
  return [`${head} ${whatOf(line, before, paint)} ${rest}`, ...killed.map(one => incidentLine(one, paint))].join('\n')
}

function whatOf(line: FeedLine, before: FeedLine | null, paint: Paint): string {
  const { deaths, rebirths } = line
  const other = before !== null && before.feedId !== line.feedId ? `${paint.warning('another feed')} ` : ''
  if (line.kind === 'snapshot')
    return `${other}snapshot: ${count(deaths.length, 'death')} ${paint.faint(`feed ${visible(line.feedId)}`)}`
  // A rebirth comes with the death that it follows, so that who missed that one has both.
  const reborn = new Set(rebirths.map(({ subject }) => subject))
  const dead = deaths.filter(({ subject }) => !reborn.has(subject)).length
  const parts = [
    dead > 0 ? paint.bad(`${dead} dead`) : '',
    rebirths.length > 0 ? paint.good(`${rebirths.length} reborn`) : '',
  ].filter(part => part !== '')
  return other + (parts.length === 0 ? paint.faint('-') : parts.join(', '))
}

const incidentLine = (one: IncidentHead, paint: Paint): string =>
  `${' '.repeat(13)}${paint.strong(visible(nameOf(one.target)))}: ${visible(one.reason)} ${paint.faint(visible(one.incident))}`
