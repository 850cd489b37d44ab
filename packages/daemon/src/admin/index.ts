export { type AdminServer, startAdmin } from './serve.ts'
export type { DaemonStatus } from './status.ts'
