import type { IdpPreset, IdpPresetName } from '@lanyard/api'
import { command, list, type Outcome } from '../../command.ts'
import { visible } from '../../layout.ts'
import { Misuse } from '../../problem.ts'
import type { Settings } from './described.ts'

export const PARAMETER = list('NAME=VALUE', 'What the preset must know of your provider, as `idp presets` says')

/** What a preset says once its parameters are filled in, and what is to be heeded at the provider. */
export interface Preset {
  readonly issuer: string
  readonly settings: Settings
  readonly notes: readonly string[]
}

/** Fills a preset in. Throws {@link Misuse} for a parameter that is missing, unknown or of another form. */
export async function presetOf(name: IdpPresetName, written: readonly string[]): Promise<Preset> {
  const { fillPreset, IDP_PRESETS } = await import('@lanyard/api')
  const filled = fillPreset(name, valuesOf(written))
  if ('problems' in filled) {
    const told = filled.problems.map(({ parameter, expected }) => `--param ${parameter}=…: expected ${expected}`)
    throw new Misuse(`${told.join('; ')}; see \`lanyard idp presets\``)
  }
  const { issuer, ...settings } = filled.settings
  return { issuer, settings, notes: IDP_PRESETS[name].notes }
}

function valuesOf(written: readonly string[]): Record<string, string> {
  const values = new Map<string, string>()
  for (const one of written) {
    const [, name, value] = /^([a-z_]+)=(.*)$/s.exec(one) ?? []
    if (name === undefined || value === undefined)
      throw new Misuse(`--param: expected NAME=VALUE, got ${JSON.stringify(one)}`)
    if (values.has(name)) throw new Misuse(`--param ${name}=… is given twice`)
    values.set(name, value)
  }
  return Object.fromEntries(values)
}

/**
 * What is given beside a preset goes before what that says; claims that it requires stay required, unless another value of
 * the very claim is given. Who adds a claim must not let strangers in by that.
 */
export const withGiven = (preset: Settings, given: Settings): Settings => ({
  ...preset,
  ...given,
  ...(preset.required_claims && { required_claims: { ...preset.required_claims, ...given.required_claims } }),
})

export const presets = command({
  name: 'idp presets',
  summary: 'List the presets of `idp add`: their parameters, and what is to be set up at the provider.',
  operands: [],
  options: {},
  examples: [{ line: 'lanyard idp presets', does: 'Okta, Auth0, Entra, Keycloak, GitHub Actions, Kubernetes.' }],
  run: async () => shown((await import('@lanyard/api')).IDP_PRESETS),
})

const shown = (all: Readonly<Record<string, IdpPreset>>): Outcome => ({
  json: Object.entries(all).map(([preset, { parameters, ...rest }]) => ({
    preset,
    ...rest,
    parameters: Object.entries(parameters).map(([name, { about, example }]) => ({ name, about, example })),
  })),
  text: paint =>
    Object.entries(all)
      .map(([name, { title, parameters, agentClaim, requiredClaims, notes }]) =>
        [
          `${paint.strong(name)}  ${visible(title)}`,
          ...Object.entries(parameters).map(([key, { about, example }]) => `  --param ${key}=${example}  ${about}`),
          `  ${paint.faint('agent is')} claim ${agentClaim}`,
          ...Object.entries(requiredClaims).map(
            ([claim, value]) =>
              `  ${paint.faint('requires')} ${value === null ? `no ${claim}` : `${claim} = ${value}`}`,
          ),
          ...notes.map(note => `  - ${note}`),
        ].join('\n'),
      )
      .join('\n\n'),
})
