export * from './ports.ts'
export { openPostgresStore, type PostgresOptions } from './postgres/open.ts'
export { signHeads } from './sign-heads.ts'
export { openSqliteStore, type SqliteOptions } from './sqlite/open.ts'
