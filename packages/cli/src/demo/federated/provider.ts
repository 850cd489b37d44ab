import { randomBytes } from 'node:crypto'
import { Misuse } from '../../problem.ts'
import type { OidcProvider } from '../../testing/openid-provider.ts'

/** For whom its tokens are. */
export const AUDIENCE = 'https://lanyard.demo.internal'
/** The public client of `lanyard login`. */
export const LOGIN_CLIENT = 'lanyard-cli'

/** A real OpenID provider that knows the agents of acme, and Ada. Throws {@link Misuse} where none is installed. */
export async function openProvider(): Promise<OidcProvider> {
  const { OidcProvider } = await import('../../testing/openid-provider.ts')
  try {
    return await OidcProvider.start({
      audience: AUDIENCE,
      users: { ada: { name: 'Ada', groups: ['sre'] } },
      login: LOGIN_CLIENT,
      // Nobody here has to find a browser first.
      pollSec: 0.1,
      clientSecret: randomBytes(32).toString('hex'),
    })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new Misuse('--federated runs a real OpenID provider, which comes with a checkout of the project: npm ci')
  }
}
