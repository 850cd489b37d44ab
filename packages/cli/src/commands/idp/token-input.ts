import { text } from '../../command.ts'
import { readSecret } from '../../files.ts'
import type { Io } from '../../io.ts'
import { Misuse } from '../../problem.ts'

/** Where a token of a provider comes from: never from the arguments, which others can read. */
export const TOKEN_INPUT = {
  'token-file': text('FILE', 'Where the token of the provider is; standard input where not given'),
} as const

/** The token from the file that is named, or from standard input. Throws {@link Misuse} for what is not one word. */
export async function readToken(file: string | undefined, io: Pick<Io, 'read'>): Promise<string> {
  if (file !== undefined) return readSecret(file, '--token-file')
  const token = Buffer.from(await io.read())
    .toString('utf8')
    .trim()
  if (token === '' || /\s/.test(token)) throw new Misuse('expected one token on standard input, or --token-file FILE')
  return token
}
