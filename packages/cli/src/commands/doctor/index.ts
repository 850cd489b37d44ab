import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CONNECTION, type ConnectionOptions, findPlace, type Place } from '../../client/connection.ts'
import { command, type Outcome, text } from '../../command.ts'
import type { Io } from '../../io.ts'
import { visible } from '../../layout.ts'
import { type Problem, problemOf } from '../../problem.ts'
import { checkAgentSecrets } from './agent-secrets.ts'
import { CHECKS, type CheckCode, type Finding, finding, type Status } from './checks.ts'
import { checkData, checkPassphraseFile } from './local.ts'
import { checkServer } from './server.ts'

export const doctor = command({
  name: 'doctor',
  summary: 'Go through the security checklist.',
  about:
    'Looks at the data folder, if there is one here, and at its authority; else, or where --url, --profile or a variable\nchooses one, at the authority that commands would call. Each check has a code and says what to do. Exit code 1 when one failed; warnings are yours to weigh.',
  operands: [],
  options: {
    data: { ...text('DIR', 'Data folder of the authority'), variable: 'LANYARD_DATA' },
    config: { ...text('FILE', 'Settings file of the authority'), variable: 'LANYARD_CONFIG' },
    ...CONNECTION,
  },
  examples: [
    { line: 'lanyard doctor', does: 'Where the authority runs: looks at its folder and at itself.' },
    { line: 'lanyard doctor --profile prod --json', does: 'From elsewhere: looks at the authority alone.' },
  ],
  run: async ({ options: { data, config, ...connection }, io }) => {
    const settings = await checkSettings(data, config, io)
    const findings = [
      ...settings.findings,
      ...checkPassphraseFile(io),
      ...(await checkAgentSecrets(io, settings.data)),
      ...(settings.data === null ? [] : checkData(settings.data)),
      ...(await checkPlace(connection, settings, io)),
    ]
    return shown(findings)
  },
})

interface Settings {
  readonly findings: readonly Finding[]
  /** Null where the settings cannot be used, or no data folder is here. */
  readonly data: string | null
  readonly url: string | null
}

async function checkSettings(data: string | undefined, file: string | undefined, io: Io): Promise<Settings> {
  const { loadConfig, urlOf } = await import('@lanyard/server')
  try {
    const loaded = loadConfig({ flags: { data }, file, env: io.env, cwd: io.cwd })
    const { host, port } = loaded.config.listen
    const here = existsSync(loaded.config.data)
    return {
      findings: here || loaded.file ? [finding('config_usable', 'ok', loaded.file ?? 'the usual settings')] : [],
      data: here ? loaded.config.data : null,
      url: urlOf(host, port),
    }
  } catch (error) {
    const { problem } = await problemOf(error)
    return { findings: [finding('config_usable', 'failed', problem.detail ?? problem.code)], data: null, url: null }
  }
}

/** The authority that commands would call; that of the data folder where there is none, or where nobody chose another. */
async function checkPlace(connection: ConnectionOptions, { data, url }: Settings, io: Io): Promise<Finding[]> {
  const problems: Problem[] = []
  const own = data !== null && url !== null ? ownConnection(data, url) : null
  for (const options of own === null ? [connection] : [connection, own]) {
    try {
      const place = await findPlace(options, io)
      if (own !== null && options !== own && !isChosen(connection, io) && !isOf(own, place)) continue
      return await checkServer(place, io.now)
    } catch (error) {
      problems.push((await problemOf(error)).problem)
    }
  }
  return problems.slice(0, 1).map(({ code, detail }) => {
    if (code === 'permissions_too_wide') return finding('profile_private', 'failed', detail ?? code)
    return finding(
      'server_reachable',
      ['usage_invalid', 'authority_missing'].includes(code) ? 'skipped' : 'failed',
      detail ?? code,
    )
  })
}

/** Whether options or variables say which authority is meant, and not just the profile that happens to be there. */
const isChosen = (options: ConnectionOptions, { env }: Io): boolean =>
  [options.url, options.profile, env.LANYARD_URL, env.LANYARD_PROFILE].some(Boolean)

/** Half a report of one authority and half of another would tell of neither. */
function isOf(own: ConnectionOptions, { ca }: Place): boolean {
  try {
    return readFileSync(own['root-file']!, 'utf8').trim() === ca.trim()
  } catch {
    // Another user's folder: what commands would call is all that can be looked at.
    return true
  }
}

function ownConnection(data: string, url: string): ConnectionOptions {
  const key = join(data, 'admin.key')
  return {
    url,
    'root-file': join(data, 'root.pem'),
    ...(existsSync(key) && { 'api-key-file': key }),
  } as ConnectionOptions
}

const MARKS = { ok: 'ok', warning: 'warn', failed: 'FAIL', skipped: 'skip' } as const satisfies Record<Status, string>

function shown(findings: readonly Finding[]): Outcome {
  const failed = findings.filter(({ status }) => status === 'failed').length
  const warned = findings.filter(({ status }) => status === 'warning').length
  const remedyOf = ({ code, status }: Finding) => (status === 'ok' || status === 'skipped' ? null : CHECKS[code].remedy)
  return {
    json: {
      ok: failed === 0,
      failed,
      warnings: warned,
      checks: findings.map(one => ({ ...one, remedy: remedyOf(one) })),
    },
    text: paint => {
      const colours = { ok: paint.good, warning: paint.warning, failed: paint.bad, skipped: paint.faint }
      const width = Math.max(...Object.keys(CHECKS).map(code => code.length))
      const lines = findings.map(one => {
        const line = `${colours[one.status](MARKS[one.status].padEnd(4))} ${one.code.padEnd(width)}  ${visible(one.detail)}`
        const remedy = remedyOf(one)
        return remedy === null ? line : `${line}\n     ${' '.repeat(width)}  ${paint.faint(remedy)}`
      })
      return `${lines.join('\n')}\n${failed} failed, ${warned} to weigh, ${findings.length} looked at`
    },
    exit: failed === 0 ? 'ok' : 'refused',
  }
}

/** For the reference pages. */
export type { CheckCode }
