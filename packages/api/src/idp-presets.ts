import type { EXTERNAL_ALGORITHMS } from './routes/idps.ts'

/** What must be known of one's own provider before its preset can be used. */
export interface PresetParameter {
  readonly about: string
  /** What it must match, whole. Nothing in it can end the part of a URL that it stands in. */
  readonly pattern: RegExp
  readonly example: string
}

/**
 * How the tokens of a well-known provider look. In texts, `{name}` stands for a parameter. A preset admits programs
 * alone: what it requires is in no token that a person can get, or, where a provider says nothing of the kind, the
 * notes say so.
 */
export interface IdpPreset {
  readonly title: string
  readonly parameters: Readonly<Record<string, PresetParameter>>
  readonly issuer: string
  /** Null: by discovery. */
  readonly jwksUri: string | null
  readonly algorithms: readonly (typeof EXTERNAL_ALGORITHMS)[number][]
  readonly agentClaim: string
  /** Null: a claim that must not be there. */
  readonly requiredClaims: Readonly<Record<string, string | readonly string[] | null>>
  readonly maxTokenAgeSec: number
  /** What is to be set up at the provider, and what stays its operator's to decide. */
  readonly notes: readonly string[]
}

const HOST = /[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+(:[1-9][0-9]{0,4})?/
const SEGMENT = /[A-Za-z0-9][A-Za-z0-9._~-]{0,127}/
const GUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/

const host = (about: string, example: string): PresetParameter => ({ about, pattern: HOST, example })

export const IDP_PRESETS = {
  okta: {
    title: 'Okta, a custom authorization server',
    parameters: {
      domain: host('The Okta domain', 'acme.okta.com'),
      server: { about: 'The id of the authorization server', pattern: SEGMENT, example: 'default' },
    },
    issuer: 'https://{domain}/oauth2/{server}',
    jwksUri: null,
    algorithms: ['RS256'],
    // Of a person's token, `sub` is a login name that the person may choose; `cid` is always the client.
    agentClaim: 'cid',
    // Of a person's token it is the id of the user; programs by client credentials have none.
    requiredClaims: { uid: null },
    maxTokenAgeSec: 3600,
    notes: [
      'Give each agent a service application (client credentials); its client id names the agent.',
      'Tokens of people carry the client id of their application too; they are refused by their claim uid, which every token of a person has. Let an access policy of this authorization server admit service applications alone as well.',
      'The org authorization server (without /oauth2/…) signs tokens for Okta itself; it cannot be used.',
    ],
  },
  auth0: {
    title: 'Auth0',
    parameters: { domain: host('The domain of the tenant, or its custom domain', 'acme.eu.auth0.com') },
    // With the slash at its end: so it stands in tokens.
    issuer: 'https://{domain}/',
    jwksUri: null,
    algorithms: ['RS256'],
    agentClaim: 'azp',
    requiredClaims: { gty: 'client-credentials' },
    maxTokenAgeSec: 3600,
    notes: [
      'Give each agent a machine-to-machine application; its client id names the agent.',
      'The access token profile must be Auth0’s own. Under that of RFC 9068 tokens have client_id in place of azp, and no gty.',
      'The API must sign with RS256; HS256 is never accepted.',
    ],
  },
  entra: {
    title: 'Microsoft Entra ID, tokens of version 2.0',
    parameters: {
      directory: {
        about: 'The id of the directory (tenant)',
        pattern: GUID,
        example: '8eaef023-2b34-4da1-9baa-8bc8c9d6a490',
      },
    },
    issuer: 'https://login.microsoftonline.com/{directory}/v2.0',
    jwksUri: null,
    algorithms: ['RS256'],
    agentClaim: 'azp',
    requiredClaims: { tid: '{directory}', ver: '2.0', idtyp: 'app' },
    maxTokenAgeSec: 3600,
    notes: [
      'Set requestedAccessTokenVersion of the API’s application to 2, and add the optional claim idtyp to its access tokens: it tells programs from people.',
      'The audience is the application id of the API. The application id of the agent, or of its managed identity, names the agent.',
      'Require assignment for the API: otherwise every application of the directory gets tokens for it.',
    ],
  },
  keycloak: {
    title: 'Keycloak',
    parameters: {
      host: host('Host of Keycloak, with its port unless that is 443', 'sso.acme.example'),
      realm: { about: 'The realm', pattern: SEGMENT, example: 'agents' },
    },
    issuer: 'https://{host}/realms/{realm}',
    jwksUri: null,
    algorithms: ['RS256', 'ES256'],
    // Only tokens of service accounts have it.
    agentClaim: 'client_id',
    requiredClaims: { typ: 'Bearer' },
    maxTokenAgeSec: 3600,
    notes: [
      'Give each agent a confidential client with service accounts enabled; its client id names the agent.',
      'Add an audience mapper for this authority, and remove the roles that add the audience “account”: a token with a further audience is refused.',
      'Leave the mapper “Client ID” of the scope service_account as it is, and let no mapper of people’s clients write client_id.',
    ],
  },
  'github-actions': {
    title: 'GitHub Actions',
    parameters: {
      owner_id: {
        about: 'The id (a number) of the organization or user who owns the repositories',
        pattern: /[1-9][0-9]{0,19}/,
        example: '65',
      },
    },
    issuer: 'https://token.actions.githubusercontent.com',
    jwksUri: null,
    algorithms: ['RS256'],
    agentClaim: 'sub',
    // Every workflow on GitHub gets tokens of this issuer for any audience that it asks for. Names can be given up and
    // taken by others; ids cannot.
    requiredClaims: { repository_owner_id: '{owner_id}' },
    maxTokenAgeSec: 600,
    notes: [
      'The job needs `permissions: id-token: write`, and asks for a token with the audience of this provider.',
      'Require repository_id, environment or job_workflow_ref too, where not every workflow of the owner shall be an agent.',
      'Without a customized subject, the agent is a repository together with a branch, an environment or a pull request.',
    ],
  },
  kubernetes: {
    title: 'Kubernetes, tokens of service accounts',
    parameters: {
      issuer_host: {
        about: 'The issuer of the cluster without https:// (kubectl get --raw /.well-known/openid-configuration)',
        pattern: new RegExp(`${HOST.source}(/${SEGMENT.source})*`),
        example: 'oidc.eks.eu-central-1.amazonaws.com/id/5C54DDF35ER19312844C7333374CC09D',
      },
      namespace: {
        about: 'The one namespace whose service accounts are agents',
        pattern: /[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/,
        example: 'agents',
      },
    },
    issuer: 'https://{issuer_host}',
    jwksUri: null,
    algorithms: ['RS256', 'ES256'],
    // Unique within a namespace alone, and the namespace is required.
    agentClaim: '/kubernetes.io/serviceaccount/name',
    requiredClaims: { '/kubernetes.io/namespace': '{namespace}' },
    maxTokenAgeSec: 3600,
    notes: [
      'Project a serviceAccountToken volume with the audience of this provider into the pod; the token of the API server has another audience and is refused.',
      'The keys must be readable without a credential: a managed cluster publishes them; elsewhere bind system:service-account-issuer-discovery to system:unauthenticated, or set --jwks-uri to where you publish them.',
      'Whoever may create pods or tokens in the namespace may be each of its agents.',
      'A container that starts again within its pod finds the same token, which serves its first key alone: let it keep the key, or ask for a fresh token (TokenRequest).',
    ],
  },
} as const satisfies Record<string, IdpPreset>

export type IdpPresetName = keyof typeof IDP_PRESETS
export const IDP_PRESET_NAMES = Object.keys(IDP_PRESETS) as IdpPresetName[]

/** What a preset says of a provider, as it is sent; the audiences are one's own to choose. */
export interface PresetSettings {
  readonly issuer: string
  readonly jwks_uri: string | null
  readonly algorithms: (typeof EXTERNAL_ALGORITHMS)[number][]
  readonly claim_mapping: { readonly agentId: string }
  readonly required_claims: Record<string, string | string[] | null>
  readonly max_token_age_sec: number
}

/** What is wrong with a parameter: it is missing, is none of the preset, or does not match. */
export interface PresetProblem {
  readonly parameter: string
  readonly expected: string
}

/** The settings of a preset with its parameters filled in; or what is wrong with these, never half of each. */
export function fillPreset(
  name: IdpPresetName,
  values: Readonly<Record<string, string>>,
): { readonly settings: PresetSettings } | { readonly problems: readonly PresetProblem[] } {
  const preset: IdpPreset = IDP_PRESETS[name]
  const problems = problemsOf(preset, values)
  if (problems.length > 0) return { problems }
  const fill = (text: string) => text.replace(/\{([a-z_]+)\}/g, (_, parameter: string) => values[parameter]!)
  const required = Object.entries(preset.requiredClaims).map(
    ([claim, value]) => [claim, typeof value === 'string' ? fill(value) : (value?.map(fill) ?? null)] as const,
  )
  const settings: PresetSettings = {
    issuer: fill(preset.issuer),
    jwks_uri: preset.jwksUri === null ? null : fill(preset.jwksUri),
    algorithms: [...preset.algorithms],
    claim_mapping: { agentId: preset.agentClaim },
    required_claims: Object.fromEntries(required),
    max_token_age_sec: preset.maxTokenAgeSec,
  }
  return { settings }
}

function problemsOf({ parameters }: IdpPreset, values: Readonly<Record<string, string>>): PresetProblem[] {
  const known = Object.entries(parameters)
  const wrong = known.filter(([name, { pattern }]) => !new RegExp(`^(?:${pattern.source})$`).test(values[name] ?? ''))
  const unknown = Object.keys(values).filter(name => !Object.hasOwn(parameters, name))
  return [
    ...wrong.map(([parameter, { about, example }]) => ({ parameter, expected: `${about}, such as ${example}` })),
    ...unknown.map(parameter => ({ parameter, expected: `one of ${known.map(([name]) => name).join(', ')}` })),
  ]
}
