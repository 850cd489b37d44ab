export { type AttestationOptions, attestationOf } from './attestation.ts'
