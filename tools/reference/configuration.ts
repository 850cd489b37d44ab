import { DEFAULT_TRUST_DOMAIN, SETTINGS } from '@lanyard/server'
import { code, page, shell, table } from './markdown.ts'

/** docs/reference/configuration.md */
export function configurationPage(): string {
  const rows = SETTINGS.map(({ key, flag, variable, kind, form, usual, about }) => [
    code(key),
    `${code(`--${flag}`)}<br>${code(variable)}`,
    kind === 'list' ? 'list' : form === 'text' ? 'text' : form,
    usual === '' ? 'none' : code(usual),
    about,
  ])
  return page(
    'Configuration of the authority',
    'Every setting has one name in `lanyard.yaml`, one on the command line and one in the environment. Options win over the environment, the environment wins over the file. Every setting may be left out. What is not a setting is refused with the nearest known one.',
    table(['lanyard.yaml', 'Option, variable', 'Value', 'Where not given', 'What for'], rows),
    '## Where settings are read',
    [
      '- `lanyard.yaml` in the folder where `lanyard up` starts, or the file that `--config` or `LANYARD_CONFIG` names.',
      '- A dot stands for a folder: `limits.body_bytes` is `body_bytes` below `limits:`.',
      '- Lists are YAML lists; as an option or a variable they are written with commas, and an option may be repeated.',
      '- A relative `data` counts from the folder of the file, or from where the option or variable was given.',
      `- A new store without \`trust_domain\` gets ${code(DEFAULT_TRUST_DOMAIN)}; trust domain and ID template of a store never change.`,
    ].join('\n'),
    '## The passphrase is not a setting',
    '`LANYARD_PASSPHRASE` holds it, or `LANYARD_PASSPHRASE_FILE` names a file with it. A secret does not belong in a file that people commit, nor in a process list. Without one the wrapping key lies beside the store, which is called `unsealed` wherever it shows.',
    '## An example',
    ['```yaml', ...EXAMPLE, '```'].join('\n'),
    shell('lanyard up --config /etc/lanyard/lanyard.yaml'),
  )
}

export const EXAMPLE = [
  'data: /srv/lanyard',
  'listen: 0.0.0.0:8443',
  'trust_domain: example.org',
  'hosts: [id.example.org]',
  'limits:',
  '  rate_per_minute: 2000',
  'retention:',
  '  events_days: 365',
]
