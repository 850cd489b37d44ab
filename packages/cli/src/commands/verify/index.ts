import { choice, command, flag, number, required, text } from '../../command.ts'
import { readInput } from '../../files.ts'
import { Misuse } from '../../problem.ts'
import { parseTime } from '../../rfc3339.ts'
import { judge } from './judge.ts'
import { showVerdict } from './show.ts'

export const verify = command({
  name: 'verify',
  summary: 'Judge a certificate chain, and say by code why it is not valid.',
  about:
    'For any X.509 chain: of a web server as well as of an agent. Exit code 0: valid; 1: not valid; 2: misuse.\nCERT is PEM or DER; certificates behind the first one count as --untrusted.',
  operands: [{ name: 'CERT', about: 'File of the certificate, - for standard input' }],
  options: {
    roots: required(text('FILE', 'The root certificates that are trusted')),
    untrusted: text('FILE', 'Intermediates that a path may lead over'),
    at: text('RFC3339', 'The time to judge for; now where not given'),
    dns: text('NAME', 'The DNS name that the certificate must be for'),
    ip: text('ADDR', 'The IP address that it must be for'),
    spiffe: flag('It must be an X.509-SVID of a trust domain with these roots'),
    'max-depth': number('N', 'At most so many intermediates; 8 where not given'),
    purpose: choice(
      ['serverAuth', 'clientAuth', 'any'],
      'What the certificate must be good for; serverAuth with --dns and --ip, any without',
    ),
  },
  examples: [
    {
      line: 'lanyard verify planner/svid.pem --roots planner/bundle.pem --spiffe',
      does: 'Judges the certificate of an agent.',
    },
    {
      line: 'lanyard verify site.pem --roots /etc/ssl/certs/ca-certificates.crt --untrusted chain.pem --dns www.example.org',
      does: 'Judges the certificate of a web server.',
    },
    {
      line: 'lanyard verify old.pem --roots roots.pem --at 2026-01-01T00:00:00Z --json',
      does: 'For another time, as JSON with the path or the code.',
    },
  ],
  run: async ({ operands: [file = ''], options, io }) => {
    if ([options.dns, options.ip, options.spiffe].filter(one => one !== undefined).length > 1)
      throw new Misuse('expected one of --dns, --ip and --spiffe')
    const at = options.at === undefined ? io.now() : parseTime(options.at, '--at')
    const verdict = judge({
      chain: file === '-' ? await io.read() : readInput(file, 'CERT'),
      roots: readInput(options.roots, '--roots'),
      untrusted: options.untrusted === undefined ? null : readInput(options.untrusted, '--untrusted'),
      at: Math.floor(at / 1000),
      expected: expectedOf(options),
      maxDepth: depthOf(options['max-depth']),
      purpose: options.purpose ?? (options.dns === undefined && options.ip === undefined ? 'any' : 'serverAuth'),
    })
    return showVerdict(verdict)
  },
})

function expectedOf({
  dns,
  ip,
  spiffe,
}: {
  dns?: string | undefined
  ip?: string | undefined
  spiffe?: boolean | undefined
}) {
  if (dns !== undefined) return { dns }
  if (ip !== undefined) return { ip }
  return spiffe ? 'spiffe' : null
}

function depthOf(depth: number | undefined): number | undefined {
  if (depth === undefined || depth >= 0) return depth
  throw new Misuse(`--max-depth: expected 0 or more, got ${depth}`)
}
