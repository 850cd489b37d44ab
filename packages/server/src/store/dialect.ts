import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely'
import type { Schema } from './schema.ts'

/** What differs between databases in the text of SQL. What differs in running it lies in the engines. */
export interface Dialect {
  readonly name: 'sqlite'
  /** Builds and compiles; it never runs anything. */
  readonly kysely: Kysely<Schema>
  readonly types: {
    readonly bytes: string
    readonly text: string
    readonly int: string
    /** Eight bytes. */
    readonly real: string
    /** A primary key that the database counts. */
    readonly counted: string
  }
  /** Whether rows can be locked: where one writer has the whole database, there is nothing to lock. */
  readonly rowLocks: boolean
  /** Whether a transaction can tell those who listen (`pg_notify`): they hear of it from its commit on, or never. */
  readonly notifies: boolean
  /** What follows the columns of a table. `clustered`: its rows lie in the order of its primary key. */
  tableEnd(options?: { clustered: boolean }): string
}

export const sqliteDialect: Dialect = {
  name: 'sqlite',
  kysely: new Kysely<Schema>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: db => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  }),
  types: { bytes: 'blob', text: 'text', int: 'integer', real: 'real', counted: 'integer primary key' },
  rowLocks: false,
  notifies: false,
  tableEnd: options => (options?.clustered ? ' strict, without rowid' : ' strict'),
}
