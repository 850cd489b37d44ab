import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lanyard } from './testing/fake-io.ts'

const OVERVIEW = `lanyard: SPIFFE identity for AI agents: certificates of five minutes that can be taken away.

Usage
  lanyard COMMAND [arguments] [options]

Commands
  demo        See it work: agents meet over mutual TLS, strangers are refused, one is killed.
  init        Ask what an authority needs, write lanyard.yaml, make root and first admin key.
  up          Start an authority; an empty folder is initialised first.
  bootstrap   Trust an authority from the fingerprint of its root alone.
  login       Log in at the issuer that the authority names, with any browser, also one on another machine.
  logout      End the session of \`lanyard login\`, here and at the issuer.
  tenant      Create, list, show and change tenants; say how their agents get identities.
  agent       Create, list and change agents, mint their tokens and secrets; quarantine, reinstate and retire them.
  idp         Let identity providers vouch for the agents of a tenant; try a token on them.
  cert        Request a certificate and keep it fresh; list and revoke certificates.
  entry       Register which processes on which nodes are an agent; explain what a process would get.
  run         Launch a program as the main process of an entry: it gets the identity, what it spawns does not.
  join-token  Make a token with which one machine becomes a node, once. It is shown this once.
  node        List and show nodes, put them in groups, ban and remove them.
  daemon      Serve the SPIFFE Workload API on this machine, and see how its daemon is.
  svid        Ask the Workload API on this machine who this process is, as any program can.
  bundle      Set, list and remove the bundles of other trust domains.
  apikey      Create, list and delete API keys.
  access      Say which issuers vouch for people and programs, define roles and give them; explain who may do what.
  policy      Check, test, save and activate policies; explain what they decide, and compare them.
  kill        Take an identity away everywhere, and see who has confirmed it.
  reinstate   Let a killed agent, or the agents of a killed tenant, bootstrap again. Nothing old revives.
  incident    List and show incidents: steps, acknowledgements, forensic snapshots.
  receipt     Get the receipt of a kill, and verify one without the authority.
  points      List the enforcement points: who guards, how fresh they are, whose lease has lapsed.
  feed        Follow the feed of deaths: a signed line for each tick and each kill.
  service     List where agents serve. A kill takes an agent out.
  instance    List the instances of the authority, and put one out of service.
  events      Read the audit events, or follow them.
  whoami      Say who you are to the authority, until when, and what you may do.
  verify      Judge a certificate chain, and say by code why it is not valid.
  inspect     Show a certificate, from a file or a server, on a card of four lines.
  doctor      Go through the security checklist.

Everywhere
  --json      Write JSON and nothing else to standard output
  --help      Show help (-h)
  --no-color  No colours, also at a terminal

Ends with
  0   Done; for \`verify\`: the chain is valid; for \`doctor\`: nothing failed.
  1   Refused or failed, with a code; for \`verify\`: the chain is not valid.
  2   The command line, the configuration or a file that it names cannot be used.
  3   The authority cannot be reached, is not ready or asks to wait; the same call may succeed later.
  4   The kill is durable, but not every enforcement point has confirmed it: some are silent, or best effort.
  70  A fault of Lanyard itself; please report it.

Start with \`lanyard up\`; \`lanyard help COMMAND\` tells more.
`

const TENANT_SET = `lanyard tenant set: Change the settings of a tenant.

Usage
  lanyard tenant set TENANT [options]

Arguments
  TENANT  Name of the tenant

Options
  --key-policy rsa-only|modern  Keys that its agents may have: RSA alone, or P-256, P-384 and Ed25519 too
  --renewal-grace SEC           Seconds that a certificate may be expired and still renew

Connection
  --url URL            The authority (LANYARD_URL)
  --root-sha256 HEX    Fingerprint of its root certificate (LANYARD_ROOT_SHA256)
  --root-file FILE     Its root certificate, in PEM
  --profile NAME       What \`lanyard bootstrap\` kept under this name (LANYARD_PROFILE)
  --api-key-file FILE  File with the API key; the variable LANYARD_API_KEY holds the key itself

Everywhere
  --json      Write JSON and nothing else to standard output
  --help      Show help (-h)
  --no-color  No colours, also at a terminal

Examples
  lanyard tenant set acme --key-policy modern
      From now on acme may use P-256 keys.
`

const CERT = `lanyard cert: one of these commands

  cert request  Make a key, get a certificate for it, write both; with --renew keep them fresh.
  cert list     List certificates, newest first.
  cert revoke   Revoke a certificate with its lineage, or all that an agent holds.

\`lanyard cert request --help\` tells more.
`

for (const [line, golden] of [
  ['help', OVERVIEW],
  ['tenant set --help', TENANT_SET],
  ['cert', CERT],
] as const)
  test(`lanyard ${line}, word for word`, async () => assert.equal((await lanyard(line.split(' '))).out, golden))
