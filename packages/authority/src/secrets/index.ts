export { agentSecretsIn, newAgentSecret, parseAgentSecret } from './secret.ts'
export { createSecret, currentSecret, revokeSecrets, rotateSecret } from './secrets.ts'
export { openSession } from './session.ts'
export { requireLiveSecret } from './standing.ts'
