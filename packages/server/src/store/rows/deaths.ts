import type { DeathKind, DeathRows, DeathState, Step } from '@lanyard/authority'
import { sql } from 'kysely'
import type { DeathTable } from '../schema.ts'
import type { RowContext } from './context.ts'

const deathOf = (row: DeathTable): DeathState => ({
  kind: row.kind as DeathKind,
  value: row.value,
  through: row.through,
  reborn: row.reborn,
  epoch: row.epoch,
  at: row.at,
  until: row.until,
})

/** Subjects that one statement asks for at most: SQL nests what `or` joins. */
const ASKED_MAX = 200

/** Rows that one statement writes: always one of these numbers, so that there are few statements to keep. */
const PIECES = [256, 64, 16, 4, 1]

export function deathRows({ statements }: RowContext): DeathRows {
  const db = statements.kysely
  const deaths = db.selectFrom('deaths').selectAll()
  const since = statements.prepareRows((a: { epoch: number; last: number }) =>
    deaths.where('epoch', '>', a.epoch).where('epoch', '<=', a.last).orderBy('epoch').orderBy('kind').orderBy('value'),
  )
  const epochAfter = statements.prepareRows((a: { epoch: number; others: number }) =>
    db.selectFrom('deaths').select('epoch').where('epoch', '>', a.epoch).orderBy('epoch').offset(a.others).limit(1),
  )
  const all = statements.prepareRows((a: { now: number }) =>
    deaths
      .where(eb => eb.or([eb('until', 'is', null), eb('until', '>=', a.now)]))
      .orderBy('epoch')
      .orderBy('kind')
      .orderBy('value'),
  )
  const ask = prepared(count => asking({ statements }, count))
  const write = prepared(count => writing({ statements }, count))

  return {
    *find(kind, value) {
      const [row] = yield* ask(1)({ kind0: kind, value0: value })
      return row && deathOf(row)
    },
    *among(subjects) {
      const found: DeathState[] = []
      for (let from = 0; from < subjects.length; from += ASKED_MAX) {
        const part = subjects.slice(from, from + ASKED_MAX)
        found.push(...(yield* ask(part.length)(numbered(part.map(([kind, value]) => ({ kind, value }))))).map(deathOf))
      }
      return found
    },
    *put(states) {
      const rest = merged(states)
      for (const size of PIECES)
        while (rest.length >= size) yield* write(size)(numbered(rest.splice(0, size).map(written)))
    },
    *since(epoch, limit) {
      const [last] = yield* epochAfter({ epoch, others: limit - 1 })
      return (yield* since({ epoch, last: last?.epoch ?? Number.MAX_SAFE_INTEGER })).map(deathOf)
    },
    *all(now) {
      return (yield* all({ now })).map(deathOf)
    },
  }
}

/** Statements by how many subjects they take, each made when it is first wanted. */
function prepared<S>(make: (count: number) => S): (count: number) => S {
  const known = new Map<number, S>()
  return count => {
    const statement = known.get(count) ?? make(count)
    known.set(count, statement)
    return statement
  }
}

type Value = string | number | null
type Arguments = Record<string, Value>

/** Fields of many rows as the arguments of one statement: `kind0`, `value0`, `kind1`, … */
const numbered = (rows: readonly Readonly<Record<string, Value>>[]): Arguments =>
  Object.fromEntries(
    rows.flatMap((row, index) => Object.entries(row).map(([name, value]) => [`${name}${index}`, value])),
  )

const indexes = (count: number) => Array.from({ length: count }, (_, index) => index)

type Asking = (a: Arguments) => Step<readonly DeathTable[]>

function asking({ statements }: Pick<RowContext, 'statements'>, count: number): Asking {
  return statements.prepareRows((a: Arguments) =>
    statements.kysely
      .selectFrom('deaths')
      .selectAll()
      .where(eb =>
        eb.or(
          indexes(count).map(i =>
            eb.and([eb('kind', '=', a[`kind${i}`] as string), eb('value', '=', a[`value${i}`] as string)]),
          ),
        ),
      ),
  )
}

function writing({ statements }: Pick<RowContext, 'statements'>, count: number): (a: Arguments) => Step<number> {
  // `max` of two in one database is `greatest` in another.
  const greater = (column: 'through' | 'reborn' | 'epoch' | 'at') =>
    sql<number>`case when ${sql.ref(`excluded.${column}`)} > ${sql.ref(`deaths.${column}`)}
      then ${sql.ref(`excluded.${column}`)} else ${sql.ref(`deaths.${column}`)} end`
  return statements.prepareChange((a: Arguments) =>
    statements.kysely
      .insertInto('deaths')
      .values(
        indexes(count).map(i => ({
          kind: a[`kind${i}`] as string,
          value: a[`value${i}`] as string,
          through: a[`through${i}`] as number,
          reborn: a[`reborn${i}`] as number,
          epoch: a[`epoch${i}`] as number,
          at: a[`at${i}`] as number,
          until: a[`until${i}`] as number | null,
        })),
      )
      .onConflict(conflict =>
        conflict.columns(['kind', 'value']).doUpdateSet({
          through: greater('through'),
          reborn: greater('reborn'),
          epoch: greater('epoch'),
          at: greater('at'),
          until: eb => eb.ref('excluded.until'),
        }),
      ),
  )
}

const written = ({ kind, value, through, reborn, epoch, at, until }: DeathState) => ({
  kind,
  value,
  through,
  reborn,
  epoch,
  at,
  until,
})

/** One row a subject: a statement may not write the same row twice. */
function merged(states: readonly DeathState[]): DeathState[] {
  const bySubject = new Map<string, DeathState>()
  for (const state of states) {
    const subject = `${state.kind}\0${state.value}`
    const known = bySubject.get(subject)
    bySubject.set(subject, known ? raised(known, state) : state)
  }
  return [...bySubject.values()]
}

const raised = (known: DeathState, state: DeathState): DeathState => ({
  ...state,
  through: Math.max(known.through, state.through),
  reborn: Math.max(known.reborn, state.reborn),
  epoch: Math.max(known.epoch, state.epoch),
  at: Math.max(known.at, state.at),
})
