import { PROTOCOL_CODES, type ProtocolCode } from '@lanyard/protocol'
import { ACCESS_ERRORS } from './access-errors.ts'
import { type ErrorRow, row } from './error-row.ts'

export type { ErrorRow } from './error-row.ts'

/** Refusals of the API, the authority and the programs. Codes never change their meaning; texts may improve. */
const OWN = {
  ...ACCESS_ERRORS,
  body_invalid: row(400, 'The request does not have the declared form', 'Correct the fields listed under `errors`.'),
  query_invalid: row(400, 'A query parameter is not as declared', 'Correct the parameters listed under `errors`.'),
  request_invalid: row(
    400,
    'This is not an HTTP request that can be read',
    'Send HTTP/1.1 or HTTP/2, each header once.',
  ),
  cursor_invalid: row(400, 'This cursor is not one of ours', 'Start again without `cursor`.'),
  csr_invalid: row(400, 'The CSR cannot be read', 'Send one PKCS#10 request, DER in PEM, made by a current tool.'),
  csr_signature_invalid: row(
    400,
    'The CSR is not signed by the key that it carries',
    'Make the CSR again with the private key that belongs to its public key.',
  ),
  key_type_forbidden: row(
    400,
    'The key type is not allowed for this tenant',
    'Use an allowed key type, or have the tenant set `key_policy` to `modern`.',
  ),
  key_too_small: row(400, 'The key is outside the allowed sizes', 'Make an RSA key of 2048 to 4096 bits.'),
  key_exponent_forbidden: row(
    400,
    'The RSA public exponent is not allowed',
    'Make the key with public exponent 65537, the default of every tool.',
  ),
  ttl_out_of_range: row(
    400,
    'The lifetime asked for is not allowed',
    'Ask for 60 seconds up to the lifetime of the tier, or leave `ttl_sec` out.',
  ),
  name_invalid: row(
    400,
    'This is not a valid name',
    'Use 1 to 63 characters: a-z, 0-9, dot, underscore, hyphen; the first a letter or digit.',
  ),
  lifecycle_forbidden: row(
    400,
    'What it is now does not allow this',
    'An agent is set active, degraded, restricted, quarantined or retired; only what was quarantined or killed is reinstated, and an instance is evicted once.',
  ),
  unauthenticated: row(
    401,
    'No valid credential came with the request',
    'Send an API key or an agent token as `Authorization: Bearer`, or a client certificate.',
  ),
  credential_conflict: row(
    401,
    'Two credentials name different identities',
    'Send one credential, or two that name the same agent.',
  ),
  token_expired: row(
    401,
    'The token is outside its lifetime',
    'Bootstrap again; compare `server_time` with your clock.',
  ),
  certificate_expired: row(
    401,
    'The client certificate has ended',
    'Bootstrap the agent again; compare `server_time` with your clock.',
  ),
  permission_missing: row(
    403,
    'This credential lacks a permission',
    'Use a credential whose role has the permission named under `permission`.',
  ),
  tenant_mismatch: row(
    403,
    'This credential belongs to another tenant',
    'Use a credential of the tenant that the request names.',
  ),
  agent_not_covered: row(
    403,
    'This API key may not bootstrap this agent',
    'Use an API key whose `agents` pattern matches the agent.',
  ),
  agent_quarantined: row(
    403,
    'The agent is quarantined',
    'An operator must investigate and reinstate it: POST /v1/agents/{tenant}/{agent}/reinstate.',
  ),
  agent_retired: row(
    403,
    'The agent is retired for ever',
    'Register a new agent under another name; a retired name never returns.',
  ),
  incarnation_dead: row(403, 'This credential is from before a kill', 'Bootstrap the agent again, with a new token.'),
  token_reused: row(
    403,
    'This token already serves another key',
    'Bootstrap again for a new token; if you did not use it, somebody else did: see the events.',
  ),
  token_key_mismatch: row(
    403,
    'This token is bound to another key',
    'Use the key whose thumbprint was given as `jkt` at bootstrap.',
  ),
  key_reused: row(403, 'A renewal needs a new key', 'Make a fresh key for each renewal.'),
  lineage_forked: row(
    403,
    'Two different keys renewed the same certificate',
    'The lineage is frozen, since one of the two is a copy. Investigate, then bootstrap again.',
  ),
  lineage_ended: row(403, 'This lineage has ended', 'Bootstrap the agent again.'),
  certificate_revoked: row(403, 'The certificate is revoked', 'Bootstrap the agent again, if an operator agrees.'),
  tenant_killed: row(
    403,
    'The whole tenant was killed',
    'An operator must investigate and reinstate it: POST /v1/tenants/{tenant}/reinstate.',
  ),
  key_killed: row(403, 'This key was killed', 'Make a new key; a killed one is never certified again.'),
  peer_dead: row(
    403,
    'The identity of this caller was taken away',
    'See the incident; a reinstated agent bootstraps again.',
  ),
  liveness_stale: row(
    503,
    'The service has no fresh word about who is alive',
    'Try again shortly; if it lasts, the service cannot reach its authority.',
  ),
  certificate_untrusted: row(
    401,
    'The client certificate is not one of ours',
    'Present an X.509-SVID that this authority issued, with its chain.',
  ),
  peer_not_allowed: row(
    403,
    'The service does not accept this caller',
    'Ask the owner of the service to allow your SPIFFE ID.',
  ),
  role_too_wide: row(
    403,
    'Nobody gives more than they hold',
    'Give a role, a tenant and a pattern of agents within your own, or ask somebody who holds more.',
  ),
  agent_unknown: row(404, 'There is no such agent', 'Register it first: POST /v1/agents.'),
  tenant_unknown: row(404, 'There is no such tenant', 'Create it first: POST /v1/tenants.'),
  route_unknown: row(404, 'There is no such route', 'See /openapi.json for all routes.'),
  not_found: row(404, 'There is no such thing', 'Check the identifier.'),
  method_not_allowed: row(405, 'The route does not know this method', 'Use a method listed in the Allow header.'),
  request_timeout: row(408, 'The request took too long to arrive', 'Send the whole request at once.'),
  agent_exists: row(
    409,
    'An agent of this name exists',
    'Choose another name; the name of a retired agent stays taken.',
  ),
  tenant_exists: row(
    409,
    'A tenant of this name exists',
    'Choose another name, or change the existing tenant with PATCH.',
  ),
  body_too_large: row(413, 'The request body is too large', 'Send less; the limit is given under `limit_bytes`.'),
  media_type_unsupported: row(415, 'The media type is not the declared one', 'Send `Content-Type: application/json`.'),
  incident_conflict: row(
    409,
    'Another kill has this incident',
    'Name another incident, or leave it out; to ask again after a lost reply send the very same request.',
  ),
  point_conflict: row(
    409,
    'Another agent holds this enforcement point',
    'Let the point give itself a new UUID at its start.',
  ),
  too_many_points: row(
    409,
    'There are too many enforcement points',
    'End processes that guard nothing, and let a point keep its UUID; leases end by themselves.',
  ),
  too_many_services: row(
    409,
    'This agent serves in too many places',
    'Withdraw what no longer serves: DELETE /v1/services.',
  ),
  rate_limited: row(429, 'Too many requests for this identity', 'Wait as `Retry-After` says.'),
  headers_too_large: row(431, 'The request headers are too large', 'Send fewer or shorter headers.'),
  selector_invalid: row(
    400,
    'This is not a selector',
    'Write type:kind:value, such as unix:uid:1001; an entry needs one at least.',
  ),
  dns_name_forbidden: row(
    400,
    'This DNS name may not stand in a certificate of ours',
    'Use a name under one of the configured `dns_suffixes`.',
  ),
  audience_invalid: row(
    400,
    'This audience cannot be had',
    'Ask for 1 to 8 audiences, each a name of the service that shall read the token; ours are kept for ourselves.',
  ),
  bundle_invalid: row(400, 'This is not a SPIFFE bundle', 'Give the JWK Set of the trust domain, as it publishes it.'),
  node_proof_invalid: row(
    401,
    'This machine did not prove to be a node',
    'Attest with a fresh join token, or with a certificate of the configured authority and its key.',
  ),
  node_unknown: row(401, 'There is no such node any more', 'Attest the node anew, with a fresh join token.'),
  node_banned: row(403, 'This node is banned', 'An operator must find out why, and lift the ban: lanyard node unban.'),
  node_not_parent: row(
    403,
    'This entry is not for this node',
    'Set the `parent` of the entry to this node or to one of its groups.',
  ),
  entry_unknown: row(404, 'There is no such registration entry', 'See lanyard entry list.'),
  revision_conflict: row(
    409,
    'Somebody else changed it meanwhile',
    'Read it again, and repeat the change if it still makes sense.',
  ),
  entry_exists: row(409, 'An entry with the same agent, parent and selectors exists', 'Change that entry instead.'),
  node_exists: row(
    409,
    'A node of this name exists',
    'Choose another name, or remove the node first: lanyard node remove.',
  ),
  entry_expired: row(403, 'This registration entry has expired', 'Set its `expires_at` anew.'),
  too_many_entries: row(409, 'There are too many registration entries', 'Delete those that nothing uses.'),
  node_method_unavailable: row(
    400,
    'This authority does not attest nodes in this way',
    'Use a join token, or configure `x509pop.ca_file`.',
  ),
  no_identity: row(
    403,
    'No identity is registered for this process',
    'See lanyard entry explain --pid; create an entry whose selectors all match.',
  ),
  workload_is_descendant: row(
    403,
    'This process was not launched as the workload',
    'Start it by lanyard run, as a systemd unit or as a container; or let its entry say `children: true`.',
  ),
  workload_gone: row(
    403,
    'The process that asks is no more, or is another by now',
    'Ask again; each process asks for itself.',
  ),
  attestation_failed: row(
    503,
    'The process could not be examined',
    'See the log of the daemon; a container engine or systemd may not answer.',
  ),
  header_missing: row(
    400,
    'The security header is missing from the request',
    'Send the metadata `workload.spiffe.io: true`, once.',
  ),
  launch_forbidden: row(
    403,
    'This user may not ask this of the daemon',
    'Launch by lanyard run, as root or as a user among `launchers`; all else is for root and the user of the daemon.',
  ),
  launch_taken: row(
    409,
    'As many copies of this workload run as its entry allows',
    'End the other copy, or set `replicas` on the entry.',
  ),
  daemon_unreachable: row(
    503,
    'The daemon does not answer',
    'Check that the daemon runs, and name its admin socket by --admin-socket or LANYARD_ADMIN_SOCKET: `lanyard up` and `lanyard daemon` print it.',
  ),
  daemon_untrusted: row(
    401,
    'The socket is not served by whom it should be',
    'Check the owner of the socket and of the folders above it.',
  ),
  socket_unusable: row(
    400,
    'The socket cannot be made there',
    'Give a path of at most 107 bytes in a folder of yours, at which no other daemon serves.',
  ),
  platform_unsupported: row(400, 'This machine cannot do this', 'Run the daemon on Linux.'),
  internal_error: row(
    500,
    'Something broke on our side',
    'Give the `request_id` to an operator; the log has the cause.',
  ),
  not_ready: row(503, 'The server is starting, stopping or cannot reach its store', 'Try again shortly.'),
  store_unavailable: row(503, 'The store cannot record now', 'Nothing was issued; try again shortly.'),
  config_invalid: row(400, 'The configuration cannot be used', 'Correct the setting named in the message.'),
  passphrase_required: row(
    400,
    'The keys in this store are under a passphrase',
    'Set LANYARD_PASSPHRASE or LANYARD_PASSPHRASE_FILE.',
  ),
  passphrase_wrong: row(
    400,
    'The passphrase does not open the keys of this store',
    'Give the passphrase that the store was made with; nothing was changed.',
  ),
  passphrase_unexpected: row(
    400,
    'The keys in this store are not under a passphrase',
    'Start without a passphrase, or begin with one on a new data folder.',
  ),
  permissions_too_wide: row(
    400,
    'A file or folder is open to others',
    'chmod 700 a private folder and 600 its files; for a folder of sockets or delivered files `chmod go-w` is enough.',
  ),
  keys_missing: row(
    400,
    'The store knows authorities whose keys are not there',
    'Start with the key manager and data folder that the store was made with.',
  ),
  store_newer: row(
    400,
    'The store was written by a newer version',
    'Start a version of Lanyard at least as new as the one that wrote it.',
  ),
  store_foreign: row(
    400,
    'The store belongs to another trust domain',
    'Give the trust domain that the store was made with, or another data folder.',
  ),
  store_damaged: row(400, 'The store cannot be read', 'Restore it from a backup; nothing was changed.'),
  store_replica: row(
    400,
    'The database is a replica',
    'Give the address of the primary; a replica cannot promise what it has not seen.',
  ),
  store_not_durable: row(
    400,
    'The database would lose what it acknowledged',
    'Switch fsync, full_page_writes and synchronous_commit on.',
  ),
  instance_evicted: row(
    503,
    'This instance was put out of service',
    'Call another instance; a new one begins with an empty data folder.',
  ),
  data_in_use: row(
    400,
    'Another process serves this data folder',
    'Stop the other process, or use another --data folder.',
  ),
  address_in_use: row(400, 'The address is taken', 'Choose another --listen address, or port 0 for any free one.'),
  server_unreachable: row(503, 'The authority cannot be reached', 'Check the URL and that `lanyard up` runs.'),
  fingerprint_mismatch: row(
    401,
    'The server shows another root than the one you trust',
    'Compare the fingerprint with the one that `lanyard up` printed; somebody may be in between.',
  ),
  server_untrusted: row(
    401,
    'The server does not prove to be the one you trust',
    'Compare the URL, the root fingerprint and the clocks; somebody may be in between. If the authority was made anew, run `lanyard bootstrap` again.',
  ),
  file_unwritable: row(400, 'A file cannot be written', 'Check the folder, its permissions and the space on the disk.'),
  receipt_pending: row(
    409,
    'The receipt of this incident is not signed yet',
    'Ask again: it is signed when all enforcement points have answered, 10 seconds after the kill at the latest.',
  ),
  reload_failed: row(400, 'The reload command failed', 'Run it by hand; the new files are in place.'),
  authority_missing: row(
    400,
    'Nothing says which authority is meant',
    'Run `lanyard bootstrap`, or set LANYARD_URL and LANYARD_ROOT_SHA256.',
  ),
  credential_missing: row(
    401,
    'Nothing says who you are',
    'Log in (`lanyard login`), set LANYARD_API_KEY, or give --api-key-file FILE.',
  ),
  usage_invalid: row(400, 'The command cannot be understood', 'See `lanyard help`.'),
} as const satisfies Record<string, ErrorRow>

/** Codes of the lower floor, as the API would show them: bytes that are not what they claim to be are bad requests. */
const fromProtocol = Object.fromEntries(
  Object.entries<{ title: string; remedy: string }>(PROTOCOL_CODES).map(([code, { title, remedy }]) => [
    code,
    row(400, title, remedy),
  ]),
) as Record<ProtocolCode, ErrorRow>

export type ErrorCode = keyof typeof OWN | ProtocolCode

/**
 * Every refusal: code → status, title, remedy. Where both floors know a code, the row of this floor says how it is
 * shown.
 */
export const ERRORS: Readonly<Record<ErrorCode, ErrorRow>> = { ...fromProtocol, ...OWN }

/** Members that some problems carry beside the standard ones (RFC 9457, 3.2). */
export interface ProblemExtras {
  /** `body_invalid`, `query_invalid`, `policy_invalid`: what is wrong where. */
  readonly errors?: readonly { readonly path: string; readonly message: string }[]
  /** `permission_missing`: the permission. */
  readonly permission?: string
  /** Time errors: the server's clock, RFC 3339. */
  readonly server_time?: string
  /** Time errors: by how many seconds the credential missed the server's time; positive: it ended that long ago. */
  readonly skew_sec?: number
  /** `rate_limited`: whole seconds to wait, the same as `Retry-After`. */
  readonly retry_after_sec?: number
  /** `method_not_allowed`: the methods of this path, the same as in `Allow`. */
  readonly allow?: readonly string[]
  /** `body_too_large`: the limit in bytes. */
  readonly limit_bytes?: number
  /** `key_type_forbidden`: what came, what the key policy of the tenant allows. */
  readonly got?: string
  readonly allowed?: readonly string[]
  /** `policy_denied`, `policy_failed`: ids of the policies that decided: `acme@3:no-kills-at-night`. */
  readonly policies?: readonly string[]
}

/** A refusal with its code. `detail` is for people, never holds a secret, and says what was expected and what came. */
export class LanyardError extends Error {
  override readonly name = 'LanyardError'
  readonly code: ErrorCode
  readonly extras: ProblemExtras

  constructor(code: ErrorCode, detail: string, extras: ProblemExtras = {}, options?: { cause?: unknown }) {
    super(detail, options)
    this.code = code
    this.extras = extras
  }
}
