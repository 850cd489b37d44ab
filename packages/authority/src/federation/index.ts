export { requireMintable } from './mintable.ts'
export { requireEnabled } from './standing.ts'
