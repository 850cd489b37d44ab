import { resolve } from 'node:path'
import type { Entry, NewEntry } from '@lanyard/api'
import { CONNECTION, connect } from '../../client/connection.ts'
import { command } from '../../command.ts'
import { readInput } from '../../files.ts'
import { Misuse, Refusal } from '../../problem.ts'

/** The server takes at most so many in one transaction, and so many bytes in one request. */
const BATCH = 100
const BATCH_BYTES = 48 * 1024

export const importEntries = command({
  name: 'entry import',
  summary: 'Register many entries from a file or standard input.',
  about:
    'JSON, one object to a line, or an array, or what `lanyard entry list --json` writes. They are registered in\ntransactions of at most 100: where one entry is refused none of its hundred is, and those before it stay.',
  operands: [{ name: 'FILE|-', about: 'The file; - stands for standard input' }],
  options: CONNECTION,
  examples: [
    { line: 'lanyard entry import entries.jsonl', does: 'Registers them, and tells how far it has come.' },
    {
      line: 'lanyard entry import - --profile staging',
      does: 'Reads what `lanyard entry list --json` of another wrote.',
    },
  ],
  wraps: 'POST /v1/entries/batch',
  run: async ({ operands: [file = ''], options, io, note }) => {
    const bytes = file === '-' ? await io.read() : readInput(resolve(io.cwd, file), 'FILE')
    const all = placedEntries(Buffer.from(bytes).toString('utf8'))
    const api = await connect(options, io)
    const items: Entry[] = []
    for (const batch of batches(all)) {
      const reply = await api
        .call('POST /v1/entries/batch', { body: { entries: batch.map(({ entry }) => entry as NewEntry) } })
        .catch(error => Promise.reject(toldHowFar(error, items.length, all)))
      items.push(...reply.items)
      note(`${items.length} of ${all.length} registered`)
    }
    return { json: { items }, text: paint => `${paint.good('registered')} ${items.length}` }
  },
})

/** Members that the server adds: what was listed can be imported. */
const ADDED = ['id', 'revision', 'created_at', 'updated_at']

/** An entry, and where it stands: `line 3`, or `entry 3` where all stand in one text. Both count from 1. */
interface Placed {
  readonly entry: object
  readonly place: string
}

/** Entries from any of the forms. Throws {@link Misuse} with the number of the line that is none. */
export const readEntries = (written: string): object[] => placedEntries(written).map(({ entry }) => entry)

function placedEntries(written: string): Placed[] {
  const text = written.replace(/^\uFEFF/, '')
  const whole = parsed(text)
  const list = Array.isArray(whole) ? whole : isObject(whole) ? (listed(whole) ?? [whole]) : null
  const found = list === null ? linesOf(text) : list.map((value, i) => ({ value, place: `entry ${i + 1}` }))
  if (found.length === 0) throw new Misuse('expected at least one entry, got none')
  return found.map(({ value, place }) => {
    if (isObject(value)) return { entry: asNew(value), place }
    throw new Misuse(`${place}: expected an object, got ${JSON.stringify(value)?.slice(0, 40)}`)
  })
}

type Members = Readonly<Record<string, unknown>>
const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const listed = ({ items, entries }: Members): unknown[] | undefined =>
  Array.isArray(items) ? items : Array.isArray(entries) ? entries : undefined

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function linesOf(text: string): { readonly value: unknown; readonly place: string }[] {
  return text.split('\n').flatMap((line, i) => {
    if (line.trim() === '') return []
    const entry = parsed(line)
    const place = `line ${i + 1}`
    if (entry === undefined) throw new Misuse(`${place}: expected one JSON object`)
    // Of several pages, each on its line, too.
    const all = isObject(entry) ? (listed(entry) ?? [entry]) : [entry]
    return all.map(value => ({ value, place }))
  })
}

function asNew(entry: Members): object {
  const named = entry.tenant !== undefined && entry.agent !== undefined
  const drop = named ? [...ADDED, 'spiffe_id'] : ADDED
  return Object.fromEntries(Object.entries(entry).filter(([name]) => !drop.includes(name)))
}

function* batches(all: readonly Placed[]): Generator<Placed[]> {
  let batch: Placed[] = []
  let bytes = 0
  for (const placed of all) {
    const size = Buffer.byteLength(JSON.stringify(placed.entry)) + 1
    if (batch.length > 0 && (batch.length === BATCH || bytes + size > BATCH_BYTES)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(placed)
    bytes += size
  }
  if (batch.length > 0) yield batch
}

/** The same refusal with the place of the entry that is meant, and what stays registered. */
function toldHowFar(error: unknown, done: number, all: readonly Placed[]): unknown {
  if (!(error instanceof Refusal)) return error
  const said = error.problem.detail ?? error.problem.title ?? ''
  // The server counts within one request, from 0.
  const where = said.replace(/^entries\.(\d+)(?:\.|(?=:))/, (path, i) => {
    const place = all[done + Number(i)]?.place
    return place === undefined ? path : `${place}: `
  })
  const detail = `${where} (${done} of ${all.length} are registered)`
  return new Refusal({ ...error.problem, detail, registered: done }, { cause: error })
}
