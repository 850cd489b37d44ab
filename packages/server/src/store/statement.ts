import type { Statement, Step } from '@lanyard/authority'
import type { Compilable, Kysely } from 'kysely'
import type { Dialect } from './dialect.ts'
import type { Schema } from './schema.ts'

/** A statement as an engine sees it. It answers rows with an array of them, a change with how many rows it touched. */
export interface Runnable extends Statement {
  readonly answers: 'rows' | 'count'
  readonly writes: boolean
}

/** What stands for an argument until the statement runs. */
class Hole {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
}

const holes: unknown = new Proxy({}, { get: (_, name) => new Hole(String(name)) })

type Template<A> = (args: A) => Runnable

/**
 * Makes statements, typed by the schema. Those that `prepare…` makes are compiled once: running them is filling in
 * arguments, with no query built on the hot path. `query`, `change` and `changedRows` compile at each call, for what takes its
 * form from filters.
 */
export class Statements {
  readonly kysely: Kysely<Schema>
  readonly dialect: Dialect

  constructor(dialect: Dialect) {
    this.kysely = dialect.kysely
    this.dialect = dialect
  }

  /** A query: `build` gets an object whose every field stands for the argument of that name. */
  prepareRows<A, R>(build: (args: A) => Compilable<R>): (args: A) => Step<readonly R[]> {
    const template = compile<A>(build, 'rows', false)
    return function* (args) {
      return (yield template(args)) as readonly R[]
    }
  }

  /** A change that gives back rows (`returning`). */
  prepareChangedRows<A, R>(build: (args: A) => Compilable<R>): (args: A) => Step<readonly R[]> {
    const template = compile<A>(build, 'rows', true)
    return function* (args) {
      return (yield template(args)) as readonly R[]
    }
  }

  /** A change; gives back how many rows it touched. */
  prepareChange<A>(build: (args: A) => Compilable): (args: A) => Step<number> {
    const template = compile<A>(build, 'count', true)
    return function* (args) {
      return (yield template(args)) as number
    }
  }

  /** A query built for this call. */
  *query<R>(query: Compilable<R>): Step<readonly R[]> {
    const { sql, parameters } = query.compile()
    const statement: Runnable = { sql, parameters, answers: 'rows', writes: false }
    return (yield statement) as readonly R[]
  }

  /** A change built for this call that gives back rows (`returning`). */
  *changedRows<R>(query: Compilable<R>): Step<readonly R[]> {
    const { sql, parameters } = query.compile()
    const statement: Runnable = { sql, parameters, answers: 'rows', writes: true }
    return (yield statement) as readonly R[]
  }

  /** A change built for this call; gives back how many rows it touched. */
  *change(query: Compilable): Step<number> {
    const { sql, parameters } = query.compile()
    const statement: Runnable = { sql, parameters, answers: 'count', writes: true }
    return (yield statement) as number
  }
}

function compile<A>(build: (args: A) => Compilable, answers: Runnable['answers'], writes: boolean): Template<A> {
  const { sql, parameters } = build(holes as A).compile()
  return args => ({
    sql,
    parameters: parameters.map(value => (value instanceof Hole ? argument(args, value.name) : value)),
    answers,
    writes,
  })
}

function argument(args: unknown, name: string): unknown {
  const value = (args as Record<string, unknown>)[name]
  if (value === undefined) throw new TypeError(`statement argument ${name} is missing`)
  return value
}
