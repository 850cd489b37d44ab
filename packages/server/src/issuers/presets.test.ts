import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fillPreset, type IdpPresetName } from '@lanyard/api'
import { agentNameOf, requireClaims, requireSubject } from '@lanyard/authority'
import { nodeCrypto } from '@lanyard/protocol/node'
import { claimAt } from './claim-at.ts'
import { discoveryUrl } from './key-sources.ts'
import { AUDIENCE, craft, jwkOf, KEYS, NOW, outcome, TestNetwork } from './provider.suite.ts'

const iat = NOW / 1000 - 5
const KID = 'bm90IGEgcmVhbCBrZXk'
const DIRECTORY = '8eaef023-2b34-4da1-9baa-8bc8c9d6a490'
const APPLICATION = '6731de76-14a6-49ae-97bc-6eba6914391e'

/** A provider as it is: its tokens, headers and keys have the members of the real ones, and keys of ours. */
interface Real {
  readonly preset: IdpPresetName
  readonly values: Readonly<Record<string, string>>
  readonly header: object
  /** Members of a key beside those that make it; further keys of the set. */
  readonly jwk: object
  readonly more?: readonly object[]
  readonly claims: Readonly<Record<string, unknown>>
  /** What the agent is called; null: by a hash. */
  readonly agent: string | null
  /** Tokens of the same provider and for the same audience that must open nothing, by what differs. */
  readonly others: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

const WORKFLOW = 'acme/agents/.github/workflows/deploy.yml@refs/heads/main'

const REAL: readonly Real[] = [
  {
    preset: 'okta',
    values: { domain: 'acme.okta.com', server: 'default' },
    header: { kid: KID, alg: 'RS256' },
    jwk: { alg: 'RS256', use: 'sig' },
    claims: {
      ver: 1,
      jti: 'AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE',
      iss: 'https://acme.okta.com/oauth2/default',
      exp: iat + 3600,
      cid: '0oacqpe26pujnxhcd5d7',
      scp: ['agent'],
      sub: '0oacqpe26pujnxhcd5d7',
    },
    agent: '0oacqpe26pujnxhcd5d7',
    others: {
      'of the org server': { iss: 'https://acme.okta.com' },
      'of a person': {
        uid: '00u1a2b3c4d5e6f7g8h9',
        sub: 'ada@acme.example',
        scp: ['openid', 'agent'],
        auth_time: iat - 60,
      },
      'of a person who chose a name like a client': { uid: '00u1a2b3c4d5e6f7g8h9', scp: ['openid', 'agent'] },
    },
  },
  {
    preset: 'auth0',
    values: { domain: 'acme.eu.auth0.com' },
    header: { alg: 'RS256', typ: 'JWT', kid: KID },
    jwk: { use: 'sig', alg: 'RS256', x5t: KID, x5c: ['MIIDDTCCAfWgAwIBAgIJ'] },
    claims: {
      iss: 'https://acme.eu.auth0.com/',
      sub: 'jT7p2Q4fLkZ0aVnE6r1yXcUwB9sMdHgo@clients',
      exp: iat + 86_400,
      scope: 'agent',
      gty: 'client-credentials',
      azp: 'jT7p2Q4fLkZ0aVnE6r1yXcUwB9sMdHgo',
    },
    agent: null,
    others: {
      'of a person': { sub: 'auth0|5f7c8ec7c33c6c004bbafe82', gty: undefined },
      'of a person, by password': { gty: 'password' },
      'with userinfo as a second audience': { aud: [AUDIENCE, 'https://acme.eu.auth0.com/userinfo'] },
    },
  },
  {
    preset: 'entra',
    values: { directory: DIRECTORY },
    header: { typ: 'JWT', alg: 'RS256', kid: KID },
    jwk: {
      use: 'sig',
      x5t: KID,
      x5c: ['MIIC/TCCAeWgAwIBAgII'],
      issuer: `https://login.microsoftonline.com/${DIRECTORY}/v2.0`,
    },
    claims: {
      iss: `https://login.microsoftonline.com/${DIRECTORY}/v2.0`,
      nbf: iat,
      exp: iat + 3900,
      aio: 'E2NgYFjXcyvq2EyW',
      azp: APPLICATION,
      azpacr: '1',
      idtyp: 'app',
      oid: '0f1c6a6b-51ad-4d86-a3b1-6ab3b9bd9c56',
      rh: '0.AAAAI-6uji40oU2bqouLyda0A',
      roles: ['Agent'],
      sub: '0f1c6a6b-51ad-4d86-a3b1-6ab3b9bd9c56',
      tid: DIRECTORY,
      uti: 'bS3tRkVvYkOGFXdJ0WgDAA',
      ver: '2.0',
    },
    agent: APPLICATION,
    others: {
      'of a person': { idtyp: undefined, scp: 'access_as_user' },
      'of another directory': { tid: '9eaef023-2b34-4da1-9baa-8bc8c9d6a490' },
      'of version 1.0': { ver: '1.0' },
      'of version 1.0, by its issuer': { iss: `https://sts.windows.net/${DIRECTORY}/` },
    },
  },
  {
    preset: 'keycloak',
    values: { host: 'sso.acme.example', realm: 'agents' },
    header: { alg: 'RS256', typ: 'JWT', kid: KID },
    jwk: { alg: 'RS256', use: 'sig', x5c: ['MIICnTCCAYUCBgF8'], x5t: KID, 'x5t#S256': KID },
    more: [{ ...jwkOf(KEYS.otherRsa), kid: 'for-encryption', alg: 'RSA-OAEP', use: 'enc' }],
    claims: {
      exp: iat + 300,
      jti: 'trrtcc:0b5c6d2e-7f1a-4a08-9d8a-6b9a7f1d2c3e',
      iss: 'https://sso.acme.example/realms/agents',
      sub: 'd1b0b2a4-9a3c-4e0f-8f5c-2f6f2c6a1b7e',
      typ: 'Bearer',
      azp: 'worker',
      acr: '1',
      realm_access: { roles: ['default-roles-agents'] },
      scope: 'profile email',
      clientHost: '10.1.2.3',
      email_verified: false,
      preferred_username: 'service-account-worker',
      clientAddress: '10.1.2.3',
      client_id: 'worker',
    },
    agent: 'worker',
    others: {
      'of a person': { client_id: undefined, preferred_username: 'worker' },
      'that is an ID token': { typ: 'ID' },
      'that is a refresh token': { typ: 'Refresh' },
      'with account as a second audience': { aud: [AUDIENCE, 'account'] },
      'of another realm': { iss: 'https://sso.acme.example/realms/master' },
    },
  },
  {
    preset: 'github-actions',
    values: { owner_id: '65' },
    header: { typ: 'JWT', alg: 'RS256', x5t: KID, kid: KID },
    jwk: { alg: 'RS256', use: 'sig', x5c: ['MIIDrDCCApSgAwIBAgIQ'], x5t: KID },
    claims: {
      jti: 'b4a2c5b5-5d04-4c8f-8d0e-9a3d9d9f6f55',
      sub: 'repo:acme/agents:environment:prod',
      iss: 'https://token.actions.githubusercontent.com',
      nbf: iat - 600,
      exp: iat + 300,
      environment: 'prod',
      ref: 'refs/heads/main',
      sha: '2d1fc4d1a8e9b6f0c3f1e2d4b5a69788c7d6e5f4',
      repository: 'acme/agents',
      repository_owner: 'acme',
      repository_owner_id: '65',
      repository_visibility: 'private',
      repository_id: '74',
      run_id: '20261121',
      run_number: '10',
      run_attempt: '2',
      actor: 'ada',
      actor_id: '12',
      workflow: 'deploy',
      workflow_ref: WORKFLOW,
      event_name: 'workflow_dispatch',
      ref_type: 'branch',
      job_workflow_ref: WORKFLOW,
      runner_environment: 'github-hosted',
    },
    agent: null,
    others: {
      'of a repository of somebody else': { repository_owner: 'mallory', repository_owner_id: '66' },
      'of somebody who took the name over': { repository_owner_id: '67' },
      'with the audience that it has by default': { aud: 'https://github.com/acme' },
    },
  },
  {
    preset: 'kubernetes',
    values: { issuer_host: 'oidc.eks.eu-central-1.amazonaws.com/id/5C54DDF35ER1', namespace: 'agents' },
    header: { alg: 'RS256', kid: KID },
    jwk: { alg: 'RS256', use: 'sig' },
    claims: {
      aud: [AUDIENCE],
      exp: iat + 3607,
      iss: 'https://oidc.eks.eu-central-1.amazonaws.com/id/5C54DDF35ER1',
      jti: 'aed34954-b33a-4142-b1ec-389d6bbb4936',
      'kubernetes.io': {
        namespace: 'agents',
        node: { name: 'node-7', uid: '646e7c5e-32d6-4d42-9dbd-e504e6cbe6b1' },
        pod: { name: 'worker-5d9c', uid: '5e0bd49b-f040-43b0-99b7-22765a53f7f3' },
        serviceaccount: { name: 'worker', uid: '14ee3fa4-a7e2-420f-9f9a-dbc4507c3798' },
      },
      nbf: iat,
      sub: 'system:serviceaccount:agents:worker',
    },
    agent: 'worker',
    others: {
      'of the same name in another namespace': {
        sub: 'system:serviceaccount:default:worker',
        'kubernetes.io': { namespace: 'default', serviceaccount: { name: 'worker' } },
      },
      'for the API server': { aud: ['https://kubernetes.default.svc'] },
      'for the API server too': { aud: [AUDIENCE, 'https://kubernetes.default.svc'] },
      'of the time before tokens were bound': {
        iss: 'kubernetes/serviceaccount',
        exp: undefined,
        'kubernetes.io/serviceaccount/namespace': 'agents',
      },
    },
  },
]

/** The name of the agent that a token of this provider would be, by the settings of its preset. */
async function agentOf({ preset, values, header, jwk, more = [] }: Real, claims: object): Promise<string> {
  const filled = fillPreset(preset, values)
  assert.ok('settings' in filled)
  const { settings } = filled
  const network = new TestNetwork()
  const jwksUri = `${settings.issuer.replace(/\/$/, '')}/keys`
  network.documents.set(discoveryUrl(settings.issuer), { issuer: settings.issuer, jwks_uri: jwksUri })
  network.documents.set(jwksUri, { keys: [jwkOf(KEYS.rsa, { kid: KID, ...jwk }), ...more] })
  const verified = await network.issuers().verify(craft(header, { aud: AUDIENCE, iat, ...claims }), {
    issuer: settings.issuer,
    jwksUri: settings.jwks_uri,
    owner: null,
    audiences: [AUDIENCE],
    algorithms: settings.algorithms,
    maxTokenAgeSec: settings.max_token_age_sec,
  })
  const read = (path: string) => claimAt(verified.claims, path)
  requireClaims(read, { requiredClaims: settings.required_claims })
  const subject = requireSubject(read, { agentClaim: settings.claim_mapping.agentId })
  return agentNameOf(settings.issuer, subject, nodeCrypto)
}

for (const real of REAL) {
  test(`${real.preset}: a token as its programs get it opens the agent`, async () => {
    const name = await agentOf(real, real.claims)
    if (real.agent === null) assert.match(name, /^f-[a-z2-7]{52}$/)
    else assert.equal(name, real.agent)
  })

  for (const [why, differs] of Object.entries(real.others))
    test(`${real.preset}: a token ${why} opens nothing`, async () => {
      assert.match(await outcome(agentOf(real, { ...real.claims, ...differs })), /^external_token_invalid$/)
    })
}
