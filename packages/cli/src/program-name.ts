/** How the person called this program, so that a line to paste works as it stands. */
export function programName(env: Readonly<Record<string, string | undefined>>): string {
  const byScript = env.npm_lifecycle_event === 'lanyard' || env.npm_lifecycle_event === 'demo'
  return byScript || env.npm_command === 'exec' ? 'npx lanyard' : 'lanyard'
}

/** As a POSIX shell takes it. */
export const quoted = (path: string): string =>
  /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`
