import { setTimeout as sleep } from 'node:timers/promises'
import { type FeedLine, feedLineMembers } from '@lanyard/protocol'
import type { ApiClient } from '../../client/client.ts'
import { CONNECTION, connect, findPlace } from '../../client/connection.ts'
import { command, flag, type Invocation } from '../../command.ts'
import { isPassing } from '../../problem.ts'
import { IncidentNames } from './names.ts'
import { textLine } from './show.ts'
import { verifierFor } from './trust.ts'

export const feedWatch = command({
  name: 'feed watch',
  summary: 'Follow the feed of deaths: a signed line for each tick and each kill.',
  about: [
    'It is what enforcement points follow; every signature is checked against the root.',
    'The feed names the dead by hashes alone; where your key may read incidents, the reason stands beside.',
    'A line that is told again, against lost packets, is shown once. With --json one object to a line, as it was signed.',
  ].join('\n'),
  operands: [],
  options: { deaths: flag('Only deaths, rebirths and snapshots, no heartbeats'), ...CONNECTION },
  examples: [
    { line: 'lanyard feed watch', does: 'A line each second, and at once for each kill, until Ctrl-C.' },
    { line: 'lanyard feed watch --deaths --json', does: 'For a program that counts kills.' },
  ],
  wraps: 'GET /v1/feed',
  run: async ({ options: { deaths = false, ...options }, io, emit, note }) => {
    const [api, place] = [await connect(options, io), await findPlace(options, io)]
    const names = new IncidentNames(api)
    const stopped = io.stopped()
    const verifier = verifierFor(place.ca)
    await follow(api, { stopped, note }, async (token, before) => {
      const line = verifier.verify(token, io.now())
      if (before !== null && isToldAgain(line, before)) return before
      if (line.deaths.length + line.rebirths.length > 0 || line.kind === 'snapshot' || !deaths) {
        const killed = line.kind === 'delta' && line.deaths.length > 0 ? await names.between(line) : []
        emit({ json: feedLineMembers(line), text: paint => textLine(line, { before, killed, now: io.now() }, paint) })
      }
      return line
    })
    return undefined
  },
})

/** A line of before, against lost packets. An epoch that falls comes at a later time. */
const isToldAgain = (line: FeedLine, { feedId, epoch, asOf }: FeedLine): boolean =>
  line.feedId === feedId && line.epoch <= epoch && line.asOf <= asOf

interface Following extends Pick<Invocation, 'note'> {
  readonly stopped: AbortSignal
}
type Take = (token: string, before: FeedLine | null) => Promise<FeedLine>

/** Hands each line over once, and connects again from where it was whenever the feed breaks off. */
async function follow(api: ApiClient, { stopped, note }: Following, take: Take): Promise<void> {
  let [last, lastToken]: [FeedLine | null, string] = [null, '']
  let said = ''
  while (!stopped.aborted) {
    const since = last === null ? {} : { since: last.epoch, feed_id: last.feedId }
    try {
      for await (const token of api.lines('GET /v1/feed', since, stopped)) {
        if (token === lastToken) continue
        last = await take(token, last)
        lastToken = token
        said = ''
      }
    } catch (error) {
      if (!isPassing(error)) throw error
      const { message } = error as Error
      if (message !== said) note(`${message}; connecting again`)
      said = message
      await sleep(200 + Math.random() * 800, undefined, { signal: stopped }).catch(() => undefined)
    }
  }
}
