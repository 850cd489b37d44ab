import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inAnotherTerminal, programName, quoted } from './program-name.ts'

test('lines to paste call the program as it was called, and say where npx finds it', () => {
  for (const [env, name, where] of [
    [{}, 'lanyard', 'In another terminal:'],
    [{ npm_command: 'exec' }, 'npx lanyard', 'In another terminal, in /clone:'],
    [{ npm_command: 'run', npm_lifecycle_event: 'demo' }, 'npx lanyard', 'In another terminal, in /clone:'],
    [{ npm_command: 'test', npm_lifecycle_event: 'test' }, 'lanyard', 'In another terminal:'],
  ] as const) {
    assert.equal(programName(env), name)
    assert.equal(inAnotherTerminal({ env, cwd: '/clone' }), where)
  }
})

test('paths are quoted as a shell needs it', () => {
  assert.equal(quoted('/srv/a-b_c.key'), '/srv/a-b_c.key')
  assert.equal(quoted("/srv/it's here"), "'/srv/it'\\''s here'")
})
