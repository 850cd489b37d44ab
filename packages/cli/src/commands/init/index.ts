import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { CONFIG_FILE, configText, DEFAULT_TRUST_DOMAIN, loadConfig, startServer } from '@lanyard/server'
import { command, flag, text } from '../../command.ts'
import { writeFiles } from '../../files.ts'
import type { Io } from '../../io.ts'
import { card } from '../../layout.ts'
import type { Paint } from '../../paint.ts'
import { Misuse } from '../../problem.ts'
import { programName, quoted } from '../../program-name.ts'
import { closeEmptyFolder } from '../up/data-folder.ts'
import { SETTING_OPTIONS, settingsAmong } from '../up/settings-options.ts'
import { QUESTIONS } from './questions.ts'

type Answers = Record<string, string | readonly string[]>

export const init = command({
  name: 'init',
  summary: 'Ask what an authority needs, write lanyard.yaml, make root and first admin key.',
  about:
    'What is given as an option is not asked; without a terminal nothing is asked, and keys without a\npassphrase stay unsealed (--passphrase-out makes one).\nNothing listens afterwards: `lanyard up` starts the authority with this file.',
  operands: [],
  options: {
    config: text('FILE', 'Where to write the settings; lanyard.yaml here where not given'),
    yes: flag('Ask nothing: take the usual value of what is not given'),
    'passphrase-out': text('FILE', 'Make a passphrase for the keys and write it there (0600)'),
    ...SETTING_OPTIONS,
  },
  examples: [
    { line: 'lanyard init', does: 'At a terminal: asks six questions, the last one for a passphrase.' },
    {
      line: 'lanyard init --yes --trust-domain example.org --data /srv/lanyard --passphrase-out /etc/lanyard/passphrase',
      does: 'Asks none; the keys are sealed with a new passphrase.',
    },
  ],
  run: async ({ options, io, note }) => {
    const file = resolve(io.cwd, (options.config as string | undefined) ?? CONFIG_FILE)
    if (existsSync(file)) throw new Misuse(`${file} is there already: change it, or give another --config FILE`)
    const answers: Answers = settingsAmong(options)
    const ask = options.yes ? null : io.ask
    if (ask) await askAll(answers, ask)
    else if (!options.yes)
      note('note: there is no terminal, so nothing is asked: what is not given has its usual value')
    // All of it is judged before anything is written.
    const { config } = loadConfig({ flags: answers, env: io.env, file: null, cwd: io.cwd })
    if (config.keys === 'memory') throw new Misuse('--keys memory leaves nothing to initialise: use `lanyard up`')
    // The file counts paths from its own folder, options count them from here.
    if (dirname(file) !== io.cwd) answers.data = config.data
    const passphraseFile = await makePassphrase(options['passphrase-out'] as string | undefined, ask, io)
    const isNew = isEmpty(config.data)
    closeEmptyFolder(config.data)
    const quiet = { ...config, listen: { host: '127.0.0.1', port: 0 }, log: { ...config.log, level: 'warn' as const } }
    const env = passphraseFile === null ? io.env : { ...io.env, LANYARD_PASSPHRASE_FILE: passphraseFile }
    const server = await startServer(quiet, { env })
    await server.close()
    writeFiles([{ path: file, content: fileText(answers), mode: 0o644 }])
    return done(server, { file, data: config.data, isNew, passphraseFile }, io)
  },
})

const isEmpty = (folder: string): boolean => !existsSync(folder) || readdirSync(folder).length === 0

async function askAll(answers: Answers, ask: NonNullable<Io['ask']>): Promise<void> {
  for (const { setting, text } of QUESTIONS) {
    if (answers[setting.flag] !== undefined) continue
    const usual = setting.key === 'trust_domain' ? DEFAULT_TRUST_DOMAIN : setting.usual
    const answer = (await ask(`${text} [${usual || 'none'}]: `)).trim()
    if (answer !== '') answers[setting.flag] = answer
  }
}

/** The file of a new passphrase, or null where none is wanted or one is in the environment already. */
async function makePassphrase(given: string | undefined, ask: Io['ask'], io: Io): Promise<string | null> {
  if (io.env.LANYARD_PASSPHRASE !== undefined || io.env.LANYARD_PASSPHRASE_FILE !== undefined) {
    if (given !== undefined) throw new Misuse('--passphrase-out: the environment gives a passphrase already')
    return null
  }
  const answer = given ?? (await ask?.('Make a passphrase for the keys and write it to FILE [no]: '))?.trim() ?? ''
  if (answer === '' || answer === 'no') return null
  const path = resolve(io.cwd, answer)
  if (existsSync(path)) throw new Misuse(`${path} is there already: another passphrase might be lost`)
  writeFiles([{ path, content: `${randomBytes(24).toString('base64url')}\n`, mode: 0o600 }])
  return path
}

const fileText = (answers: Answers): string =>
  `# Settings of \`lanyard up\`; docs/reference/configuration.md has them all.\n${configText(answers)}`

interface Made {
  readonly file: string
  readonly data: string
  /** Store and keys were made; false: they were there, and stay as they are. */
  readonly isNew: boolean
  readonly passphraseFile: string | null
}

type Server = Awaited<ReturnType<typeof startServer>>

function done(server: Server, { file, data, isNew, passphraseFile }: Made, io: Io) {
  const { trustDomain, rootSha256, rootFile, adminKeyFile } = server
  const passphrase = passphraseFile === null ? '' : `LANYARD_PASSPHRASE_FILE=${quoted(passphraseFile)} `
  const next = `${passphrase}${programName(io.env)} up --config ${quoted(file)}`
  return {
    json: {
      config_file: file,
      data,
      trust_domain: trustDomain,
      root_sha256: rootSha256,
      root_file: rootFile,
      admin_key_file: adminKeyFile,
      passphrase_file: passphraseFile,
      next,
    },
    text: (paint: Paint) => {
      const tick = (what: string) => `${paint.good('✓')} ${what}`
      const rows = [
        ['trust', trustDomain],
        ['root', `${rootSha256}  (SHA-256; ${rootFile})`],
        ...(adminKeyFile === null ? [] : [['key', `${adminKeyFile}  (first admin key)`] as const]),
      ] as const
      return [
        tick(`settings in ${file}`),
        isNew
          ? tick(`store and keys in ${data}`)
          : `${paint.warning('!')} store and keys in ${data} were there: nothing is made anew`,
        protectionOf(server, passphraseFile, paint),
        card(rows, paint),
        '',
        paint.faint('Next:'),
        `  ${next}`,
      ].join('\n')
    },
  }
}

function protectionOf({ warnings }: Server, passphraseFile: string | null, paint: Paint): string {
  if (warnings.some(warning => warning.startsWith('unsealed')))
    return `${paint.warning('!')} keys unsealed: whoever reads the folder has them`
  return `${paint.good('✓')} keys under ${passphraseFile === null ? 'your passphrase' : `the passphrase in ${passphraseFile}`}`
}
