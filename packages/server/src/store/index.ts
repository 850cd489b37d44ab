export * from './ports.ts'
export { signHeads } from './sign-heads.ts'
export { openSqliteStore, type SqliteOptions } from './sqlite/open.ts'
