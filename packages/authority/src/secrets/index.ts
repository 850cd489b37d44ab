export { requireCurrent } from './standing.ts'
