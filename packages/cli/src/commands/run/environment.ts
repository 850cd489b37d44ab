import { Misuse } from '../../problem.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** What every program may know of the supervisor's environment. */
const PASSED = /^(PATH|HOME|LANG|LC_[A-Z]+|TZ|TERM|SPIFFE_ENDPOINT_SOCKET)$/

/** What makes a program load code of whoever set it: never passed, also where it is asked for. */
const LOADERS = /^(LD_.*|NODE_OPTIONS|NODE_PATH|NODE_REPL_EXTERNAL_MODULE|GLIBC_TUNABLES|GCONV_PATH|BASH_ENV|ENV)$/

/**
 * The environment of a launched program: an allow-list, and what `--env NAME` or `--env NAME=VALUE` adds. Throws
 * {@link Misuse} for a variable that makes programs load code.
 */
export function environmentOf(
  own: Environment,
  added: readonly string[],
  always: Readonly<Record<string, string>>,
): Record<string, string> {
  const passed = Object.entries(own).filter(([name, value]) => PASSED.test(name) && value !== undefined)
  const given = added.map(written => addedBy(written, own)).filter(([, value]) => value !== undefined)
  return Object.fromEntries([...passed, ...Object.entries(always), ...given]) as Record<string, string>
}

function addedBy(written: string, own: Environment): [string, string | undefined] {
  const [, name = '', value] = /^([A-Za-z_][A-Za-z0-9_]*)(?:=(.*))?$/s.exec(written) ?? []
  if (name === '') throw new Misuse('--env: expected NAME or NAME=VALUE, got something else')
  if (LOADERS.test(name)) throw new Misuse(`--env: ${name} makes a program load code, so it is never passed`)
  return [name, value ?? own[name]]
}
