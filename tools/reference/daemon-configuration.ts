import { DAEMON_SETTINGS } from '@lanyard/daemon/config'
import { code, page, shell, table } from './markdown.ts'

/** docs/reference/daemon-configuration.md */
export function daemonConfigurationPage(): string {
  const rows = DAEMON_SETTINGS.map(({ key, flag, value, usual, about }) => [
    code(key),
    code(`--${flag}`),
    value.replaceAll('|', ', '),
    usual === '' ? 'none' : code(usual),
    about,
  ])
  return page(
    'Configuration of the daemon',
    'Every setting of `lanyard daemon` has one name in its file, which `--config` names, and one on the command line; options win over the file. What is not a setting is refused with the nearest known one. A path in the file counts from the folder of the file.',
    table(['File', 'Option', 'Value', 'Where not given', 'What for'], rows),
    '## How the machine becomes a node',
    [
      '- By a join token: `lanyard join-token create NAME` on the side of the authority; here in `join_token_file`, or in the variable `LANYARD_JOIN_TOKEN`. It is used once, and never stands on a command line, which every user of the machine sees.',
      '- By a certificate that the machine has already, under an authority that ours knows (`x509pop.ca_file`): `x509pop_cert` and `x509pop_key`.',
      '- After that the key of the node lies in `data`, and neither is asked for again, unless the node was removed or banned, or nobody heard of it for longer than `node.grace_sec`.',
    ].join('\n'),
    '## What lies in the data folder',
    '`node.json` (the key of the node and its certificate), `entries.json` (what the authority said last), `svids/` (what was issued, with its keys) and `launches.json`. All is for the owner alone: the daemon refuses to start on a folder or a file that others can read. With it a restart while the authority is away goes on serving what has not ended.',
    '## Files for programs that know nothing of SPIFFE',
    `\`delivery\` is a list, in the file alone. For each row the daemon keeps ${code('svid.pem')} (the certificate with its chain), ${code('svid_key.pem')} (0600), ${code('svid_bundle.pem')} (the roots) and ${code('bundles.json')} (all trust domains) in a folder, each replaced whole. After a change it runs \`reload\`, a program with its arguments, without a shell. What is withdrawn is removed, certificate and key. Nobody is attested for this: whoever can read the folder has the identity.`,
    table(
      ['Name', 'Value', 'What for'],
      [
        [
          code('entry'),
          'ID of an entry, or a SPIFFE ID',
          'Which identity; of several entries with one SPIFFE ID the oldest',
        ],
        [
          code('folder'),
          'path',
          'Where the files go; nobody but root and the daemon may be able to write it or the folder above',
        ],
        [code('uid'), 'number', 'Owner of the files; that of the daemon where not given'],
        [code('gid'), 'number', 'Group of the files'],
        [code('reload'), 'list', 'What to run after a change; the first is the absolute path of a program'],
      ],
    ),
    '## An example',
    ['```yaml', ...DAEMON_EXAMPLE, '```'].join('\n'),
    shell('lanyard daemon --config /etc/lanyard/daemon.yaml'),
  )
}

export const DAEMON_EXAMPLE = [
  'authority: https://id.example.org:8443',
  'root_file: /etc/lanyard/root.pem',
  'join_token_file: /etc/lanyard/join-token',
  'launchers: [1001]',
  'metrics: 127.0.0.1:9464',
  'delivery:',
  '  - entry: spiffe://example.org/tenant/acme/agent/legacy',
  '    folder: /run/legacy/identity',
  '    uid: 998',
  '    reload: [/usr/bin/systemctl, reload, legacy.service]',
]
