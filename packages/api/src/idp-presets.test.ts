import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fillPreset, IDP_PRESET_NAMES, IDP_PRESETS, type IdpPreset } from './idp-presets.ts'
import { createIdp } from './routes/idps.ts'

const examples = (name: (typeof IDP_PRESET_NAMES)[number]) => {
  const { parameters }: IdpPreset = IDP_PRESETS[name]
  return Object.fromEntries(Object.entries(parameters).map(([parameter, { example }]) => [parameter, example]))
}

for (const name of IDP_PRESET_NAMES) {
  test(`${name}: its examples fill it, and what comes out can be sent`, () => {
    const filled = fillPreset(name, examples(name))
    assert.ok('settings' in filled)
    const sent = createIdp.body.parse({ ...filled.settings, audiences: ['https://lanyard.example'] })
    assert.doesNotMatch(JSON.stringify(sent), /[{]\w+[}]/)
    assert.ok(IDP_PRESETS[name].notes.length > 0)
  })

  test(`${name}: a parameter that is missing, strange, or could change the rest of a URL is refused`, () => {
    const whole = examples(name)
    for (const parameter of Object.keys(whole)) {
      const { [parameter]: _, ...without } = whole
      for (const value of [
        undefined,
        '',
        '..',
        'a b',
        'a@b.example',
        'a#b',
        'a?b',
        '{x}',
        'a\nb',
        '../x',
        'ü.example',
      ]) {
        const filled = fillPreset(name, value === undefined ? without : { ...whole, [parameter]: value })
        assert.ok('problems' in filled, `${parameter}: ${value}`)
        assert.deepEqual(
          filled.problems.map(problem => problem.parameter),
          [parameter],
        )
      }
    }
  })
}

test('a parameter that a preset does not have is named', () => {
  const filled = fillPreset('auth0', { domain: 'acme.eu.auth0.com', realm: 'x' })
  assert.deepEqual(filled, { problems: [{ parameter: 'realm', expected: 'one of domain' }] })
})
