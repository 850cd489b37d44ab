import type { Io } from './io.ts'

/** How the person called this program, so that a line to paste works as it stands. */
export function programName(env: Io['env']): string {
  const byScript = env.npm_lifecycle_event === 'lanyard' || env.npm_lifecycle_event === 'demo'
  return byScript || env.npm_command === 'exec' ? 'npx lanyard' : 'lanyard'
}

/**
 * Heads lines to paste. Where npx starts the program, it takes that of the folder; in another folder it would fetch and run
 * whatever package has this name.
 */
export const inAnotherTerminal = ({ env, cwd }: Pick<Io, 'env' | 'cwd'>): string =>
  programName(env) === 'lanyard' ? 'In another terminal:' : `In another terminal, in ${cwd}:`

/** As a POSIX shell takes it. */
export const quoted = (path: string): string =>
  /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`
