import { clientFor, parseUrl } from '../client/connection.ts'
import { fetchRoot, parseFingerprint } from '../client/fingerprint.ts'
import { DEFAULT_PROFILE, writeProfile } from '../client/profile.ts'
import { command, text } from '../command.ts'
import { readSecret } from '../files.ts'
import { card } from '../layout.ts'
import { Misuse } from '../problem.ts'

export const bootstrap = command({
  name: 'bootstrap',
  summary: 'Trust an authority from the fingerprint of its root alone.',
  about:
    'Fetches the root certificate, compares its SHA-256 with the fingerprint, and keeps it for later commands.\nNothing secret is sent before the root is known to be right.',
  operands: [],
  options: {
    url: { ...text('URL', 'The authority'), variable: 'LANYARD_URL' },
    fingerprint: {
      ...text('HEX', 'SHA-256 of its root certificate, as `lanyard up` prints it'),
      variable: 'LANYARD_ROOT_SHA256',
    },
    profile: text('NAME', 'Keep it under this name; `default` is what commands use'),
    'api-key-file': text('FILE', 'Keep this API key with it'),
  },
  examples: [
    {
      line: 'lanyard bootstrap --url https://127.0.0.1:8443 --fingerprint $LANYARD_ROOT_SHA256 --api-key-file lanyard-data/admin.key',
      does: 'Later commands need no variables. The file may be deleted afterwards.',
    },
    {
      line: 'lanyard bootstrap --url https://id.example.org --fingerprint 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --profile prod',
      does: 'Another authority; `--profile prod` or LANYARD_PROFILE=prod chooses it.',
    },
  ],
  run: async ({ options, io }) => {
    const url = parseUrl(options.url ?? io.env.LANYARD_URL)
    const written = options.fingerprint ?? io.env.LANYARD_ROOT_SHA256
    if (!written) throw new Misuse('--fingerprint is missing: `lanyard up` prints it when it starts')
    const fingerprint = parseFingerprint(written, '--fingerprint')
    const keyFile = options['api-key-file']
    const apiKey = keyFile === undefined ? undefined : readSecret(keyFile, '--api-key-file')
    const root = await fetchRoot(url, fingerprint)
    // The root is right; now the server must prove that it stands under it.
    const bundle = await clientFor({ url, ca: root }).call('GET /v1/bundle', {})
    const shown = url.href.replace(/\/$/, '')
    const kept = { url: shown, root_sha256: fingerprint, root, ...(apiKey && { api_key: apiKey }) }
    const file = writeProfile(io, options.profile ?? DEFAULT_PROFILE, kept)
    return {
      json: {
        url: url.href,
        root_sha256: fingerprint,
        profile: options.profile ?? DEFAULT_PROFILE,
        profile_file: file,
      },
      text: paint =>
        card(
          [
            [paint.good('trusted'), shown],
            ['root', fingerprint],
            ['bundle', `sequence ${bundle.spiffe_sequence ?? 'unknown'}`],
            ['kept in', apiKey ? `${file}, with the API key` : file],
          ],
          paint,
        ),
    }
  },
})
