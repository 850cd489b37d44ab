export { type AttestationOptions, attestationOf } from './attestation.ts'
export { byAge } from './match.ts'
