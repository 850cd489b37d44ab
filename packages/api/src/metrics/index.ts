export * from './daemon.ts'
export * from './meters.ts'
export * from './rows.ts'
export * from './server.ts'
