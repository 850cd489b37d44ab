export { type CallTarget, narrow } from './narrow.ts'
