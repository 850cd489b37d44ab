import { resolve } from 'node:path'
import type { ApiClient } from '../../client/client.ts'
import type { Invocation, Outcome } from '../../command.ts'
import { signed, writeReceipt } from '../receipt/file.ts'
import { isConfirmed, newsLine, summary } from './show.ts'
import { watchIncident } from './watch.ts'

interface Following extends Pick<Invocation, 'io' | 'emit' | 'note'> {
  /** Where the receipt goes once it is signed. */
  readonly receipt?: string | undefined
}

/** Tells how the steps and the acknowledgements of an incident arrive, until it is closed. */
export async function follow(
  api: ApiClient,
  incident: string,
  { io, emit, note, receipt }: Following,
): Promise<Outcome> {
  const closed = await watchIncident(api, incident, {
    stopped: io.stopped(),
    tell: (news, seen) => emit({ json: newsJson(news), text: paint => newsLine(news, seen, paint) }),
    note,
  })
  if (closed === null) return { json: { incident, state: 'open' }, text: '', exit: 'unconfirmed' }
  if (receipt !== undefined) {
    const path = resolve(io.cwd, receipt)
    writeReceipt(signed(closed), path)
    note(`receipt: ${path}`)
  }
  return {
    json: closed,
    text: paint => summary(closed, io.now(), paint),
    exit: isConfirmed(closed) ? 'ok' : 'unconfirmed',
  }
}

const newsJson = (news: Parameters<typeof newsLine>[0]): object =>
  news.kind === 'step' ? { step: news.step } : { acknowledgement: news.acknowledgement }
