export { requireEnabled } from './standing.ts'
