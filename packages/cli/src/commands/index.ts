import type { Command } from '../command.ts'

/** One word after `lanyard`: what it is for, and where its commands are. Nothing is loaded before it is needed. */
export interface Entry {
  readonly name: string
  readonly summary: string
  readonly load: () => Promise<readonly Command[]>
}

/** All commands, in the order in which a newcomer meets them. */
export const COMMANDS: readonly Entry[] = [
  {
    name: 'demo',
    summary: 'See it work: agents meet over mutual TLS, strangers are refused, one is killed.',
    load: async () => [(await import('./demo.ts')).demo],
  },
  {
    name: 'init',
    summary: 'Ask what an authority needs, write lanyard.yaml, make root and first admin key.',
    load: async () => [(await import('./init/index.ts')).init],
  },
  {
    name: 'up',
    summary: 'Start an authority; an empty folder is initialised first.',
    load: async () => [(await import('./up/index.ts')).up],
  },
  {
    name: 'bootstrap',
    summary: 'Trust an authority from the fingerprint of its root alone.',
    load: async () => [(await import('./bootstrap.ts')).bootstrap],
  },
  {
    name: 'login',
    summary: 'Log in at the issuer that the authority names, with any browser, also one on another machine.',
    load: async () => [(await import('./login/index.ts')).login],
  },
  {
    name: 'logout',
    summary: 'End the session of `lanyard login`, here and at the issuer.',
    load: async () => [(await import('./login/logout.ts')).logout],
  },
  {
    name: 'tenant',
    summary: 'Create, list, show and change tenants; say how their agents get identities.',
    load: async () => [
      ...(await import('./tenant.ts')).tenantCommands,
      ...(await import('./admission.ts')).admissionCommands,
    ],
  },
  {
    name: 'agent',
    summary: 'Create, list and change agents, mint their tokens and secrets; quarantine, reinstate and retire them.',
    load: async () => [
      ...(await import('./agent.ts')).agentCommands,
      ...(await import('./agent-secret/index.ts')).agentSecretCommands,
    ],
  },
  {
    name: 'idp',
    summary: 'Let identity providers vouch for the agents of a tenant; try a token on them.',
    load: async () => (await import('./idp/index.ts')).idpCommands,
  },
  {
    name: 'cert',
    summary: 'Request a certificate and keep it fresh; list and revoke certificates.',
    load: async () => (await import('./cert/index.ts')).certCommands,
  },
  {
    name: 'entry',
    summary: 'Register which processes on which nodes are an agent; explain what a process would get.',
    load: async () => (await import('./entry/index.ts')).entryCommands,
  },
  {
    name: 'run',
    summary: 'Launch a program as the main process of an entry: it gets the identity, what it spawns does not.',
    load: async () => [(await import('./run/index.ts')).run],
  },
  {
    name: 'join-token',
    summary: 'Make a token with which one machine becomes a node, once. It is shown this once.',
    load: async () => (await import('./join-token/index.ts')).joinTokenCommands,
  },
  {
    name: 'node',
    summary: 'List and show nodes, put them in groups, ban and remove them.',
    load: async () => (await import('./node/index.ts')).nodeCommands,
  },
  {
    name: 'daemon',
    summary: 'Serve the SPIFFE Workload API on this machine, and see how its daemon is.',
    load: async () => [
      (await import('./daemon/index.ts')).daemon,
      (await import('./daemon-status/index.ts')).daemonStatus,
    ],
  },
  {
    name: 'svid',
    summary: 'Ask the Workload API on this machine who this process is, as any program can.',
    load: async () => [(await import('./svid.ts')).svid],
  },
  {
    name: 'bundle',
    summary: 'Set, list and remove the bundles of other trust domains.',
    load: async () => (await import('./bundle/index.ts')).bundleCommands,
  },
  {
    name: 'apikey',
    summary: 'Create, list and delete API keys.',
    load: async () => (await import('./apikey.ts')).apikeyCommands,
  },
  {
    name: 'access',
    summary: 'Say which issuers vouch for people and programs, define roles and give them; explain who may do what.',
    load: async () => (await import('./access/index.ts')).accessCommands,
  },
  {
    name: 'policy',
    summary: 'Check, test, save and activate policies; explain what they decide, and compare them.',
    load: async () => (await import('./policy/index.ts')).policyCommands,
  },
  {
    name: 'kill',
    summary: 'Take an identity away everywhere, and see who has confirmed it.',
    load: async () => [(await import('./kill/index.ts')).kill],
  },
  {
    name: 'reinstate',
    summary: 'Let a killed agent, or the agents of a killed tenant, bootstrap again. Nothing old revives.',
    load: async () => [(await import('./reinstate.ts')).reinstate],
  },
  {
    name: 'incident',
    summary: 'List and show incidents: steps, acknowledgements, forensic snapshots.',
    load: async () => (await import('./incident/index.ts')).incidentCommands,
  },
  {
    name: 'receipt',
    summary: 'Get the receipt of a kill, and verify one without the authority.',
    load: async () => (await import('./receipt/index.ts')).receiptCommands,
  },
  {
    name: 'points',
    summary: 'List the enforcement points: who guards, how fresh they are, whose lease has lapsed.',
    load: async () => [(await import('./points.ts')).points],
  },
  {
    name: 'feed',
    summary: 'Follow the feed of deaths: a signed line for each tick and each kill.',
    load: async () => [(await import('./feed/index.ts')).feedWatch],
  },
  {
    name: 'service',
    summary: 'List where agents serve. A kill takes an agent out.',
    load: async () => (await import('./service.ts')).serviceCommands,
  },
  {
    name: 'instance',
    summary: 'List the instances of the authority, and put one out of service.',
    load: async () => (await import('./instance.ts')).instanceCommands,
  },
  {
    name: 'events',
    summary: 'Read the audit events, or follow them.',
    load: async () => [(await import('./events.ts')).events],
  },
  {
    name: 'whoami',
    summary: 'Say who you are to the authority, until when, and what you may do.',
    load: async () => [(await import('./whoami.ts')).whoami],
  },
  {
    name: 'verify',
    summary: 'Judge a certificate chain, and say by code why it is not valid.',
    load: async () => [(await import('./verify/index.ts')).verify],
  },
  {
    name: 'inspect',
    summary: 'Show a certificate, from a file or a server, on a card of four lines.',
    load: async () => [(await import('./inspect/index.ts')).inspect],
  },
  {
    name: 'doctor',
    summary: 'Go through the security checklist.',
    load: async () => [(await import('./doctor/index.ts')).doctor],
  },
]
