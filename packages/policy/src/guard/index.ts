export type { PolicyOptions, PolicyReader } from './options.ts'
export { type PolicyAuthorizer, policy } from './policy.ts'
