import { command, flag } from '../command.ts'

export const demo = command({
  name: 'demo',
  summary: 'See it work: agents meet over mutual TLS, strangers are refused, one is killed.',
  about:
    'Runs an authority and its agents in a temporary folder. Every line is checked; the exit code is 0 only if all held.',
  operands: [],
  options: {
    federated: flag('Tell another story: a tenant whose own identity provider vouches, with a real OpenID provider'),
    keep: flag('Leave everything running afterwards, and print the URLs'),
  },
  examples: [
    { line: 'lanyard demo', does: 'Tells the story in a few seconds and cleans up.' },
    { line: 'lanyard demo --federated', does: 'A tenant forbids us to mint; its provider is compromised, and killed.' },
    { line: 'lanyard demo --keep', does: 'Leaves the authority running, to try commands on it.' },
  ],
  run: async invocation => (await import('../demo/index.ts')).runDemo(invocation),
})
