import { resolve } from 'node:path'
import { CONNECTION, connect } from '../../client/connection.ts'
import { command, required, text } from '../../command.ts'
import { readInput } from '../../files.ts'
import { signed, writeReceipt } from './file.ts'
import { judge } from './judge.ts'
import { showReceipt } from './show.ts'

const get = command({
  name: 'receipt get',
  summary: 'Get the receipt of a kill, once it is signed.',
  about: 'It is signed when all enforcement points have answered, 10 seconds after the kill at the latest.',
  operands: [{ name: 'INCIDENT', about: 'Its name, as `kill` and `incident list` show it' }],
  options: { out: text('FILE', 'Write it there; to standard output where not given'), ...CONNECTION },
  examples: [{ line: 'lanyard receipt get kill-6b1f0c2d9e8a7754 --out invoice.receipt', does: 'A file to keep.' }],
  wraps: 'GET /v1/incidents/{incident}',
  run: async ({ operands: [incident = ''], options: { out, ...options }, io, note }) => {
    const api = await connect(options, io)
    const reply = await api.call('GET /v1/incidents/{incident}', { params: { incident } })
    const receipt = signed(reply)
    if (out === undefined) return { json: reply, text: receipt }
    const path = resolve(io.cwd, out)
    writeReceipt(receipt, path)
    note(`receipt: ${path}`)
    return { json: reply, text: '' }
  },
})

const verify = command({
  name: 'receipt verify',
  summary: 'Verify the receipt of a kill, with the roots alone and without the authority.',
  about: [
    'Chains are judged at the time of signing, so that a receipt stays valid. Exit code 0: valid; 1: not valid; 2: misuse.',
    'Valid means: the authority signed it, and each point signed what is said of it. That is attested by the points, not proven.',
  ].join('\n'),
  operands: [{ name: 'FILE', about: 'The receipt, - for standard input' }],
  options: {
    roots: required(text('FILE', 'The root certificates that are trusted, in PEM')),
    'trust-domain': text('NAME', 'It must be of this trust domain; of any with these roots where not given'),
  },
  examples: [
    {
      line: 'lanyard receipt verify invoice.receipt --roots root.pem',
      does: 'Who was killed, when, and who confirmed.',
    },
    {
      line: 'lanyard receipt verify - --roots root.pem --json',
      does: 'From standard input; with all that was signed.',
    },
  ],
  run: async ({ operands: [file = ''], options, io }) =>
    showReceipt(
      judge({
        receipt: file === '-' ? await io.read() : readInput(file, 'FILE'),
        roots: readInput(options.roots, '--roots'),
        trustDomain: options['trust-domain'],
      }),
    ),
})

export const receiptCommands = [get, verify]
