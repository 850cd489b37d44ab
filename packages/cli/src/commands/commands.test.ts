import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as api from '@lanyard/api'
import type { Command } from '../command.ts'
import { parseArguments } from '../parse.ts'
import { lanyard } from '../testing/fake-io.ts'
import * as choices from './choices.ts'
import { COMMANDS } from './index.ts'

const calls = new Set<string>(Object.values(api.routes).map(route => route.call))

for (const entry of COMMANDS) {
  test(`lanyard ${entry.name}: every command of it is whole`, async () => {
    const commands = await entry.load()
    assert.ok(commands.length > 0)
    for (const command of commands) {
      assert.ok(command.name === entry.name || command.name.startsWith(`${entry.name} `), command.name)
      checkTexts(command)
      checkExamples(command)
      await checkHelp(command)
      if (command.wraps) assert.ok(calls.has(command.wraps), `${command.name} wraps ${command.wraps}, which is no call`)
    }
    if (commands.length === 1) assert.equal(commands[0]?.summary, entry.summary, 'both tables say the same')
  })
}

function checkTexts({ name, summary, operands, options }: Command): void {
  assert.match(summary, /^[A-Z].*\.$/, `${name}: a summary is a sentence`)
  for (const operand of operands) assert.match(operand.name, /^[A-Z0-9|:/-]+$/)
  for (const [option, { about }] of Object.entries(options)) {
    assert.match(option, /^[a-z][a-z0-9-]*$/)
    assert.ok(about.length > 0, `${name} --${option} says what it is for`)
  }
}

/** Examples are parsed as a shell would: what is shown must be accepted. */
function checkExamples(command: Command): void {
  for (const { line, does } of command.examples) {
    const words = (line.split(' | ')[0]!.match(/'[^']*'|"[^"]*"|\S+/g) ?? []).map(word =>
      word.replace(/^['"]|['"]$/g, ''),
    )
    assert.equal(words[0], 'lanyard', line)
    assert.equal(words.slice(1, 1 + command.name.split(' ').length).join(' '), command.name)
    parseArguments(command, words.slice(1 + command.name.split(' ').length))
    assert.match(does, /\.$/, `${line}: says in a sentence what it does`)
  }
}

async function checkHelp(command: Command): Promise<void> {
  const words = command.name.split(' ')
  const asked = await lanyard([...words, '--help'])
  assert.equal(asked.exit, 0, asked.err)
  assert.deepEqual(await lanyard(['help', ...words]), asked)
  for (const part of ['Usage', 'Examples', '--json', command.summary]) assert.ok(asked.out.includes(part), part)
  for (const option of Object.keys(command.options)) assert.ok(asked.out.includes(`--${option}`), option)

  const program = await lanyard([...words, '--help', '--json'])
  assert.equal(JSON.parse(program.out).name, command.name)
}

test('each group tells what belongs to it', async () => {
  for (const group of [
    'tenant',
    'agent',
    'cert',
    'entry',
    'node',
    'bundle',
    'incident',
    'receipt',
    'instance',
    'apikey',
    'idp',
    'access',
    'access role',
    'access issuer',
    'policy',
  ]) {
    const { exit, out } = await lanyard(group.split(' '))
    assert.equal(exit, 0)
    assert.match(out, new RegExp(`lanyard ${group}: one of these commands`))
  }
})

test('choices that commands offer are those of the API', () => {
  assert.deepEqual(choices.TIERS, api.TIERS)
  assert.deepEqual(choices.LIFECYCLES, api.LIFECYCLES)
  assert.deepEqual(choices.KEY_POLICIES, api.KEY_POLICIES)
  assert.deepEqual(choices.KILL_SCOPES, api.KILL_SCOPES)
  assert.deepEqual(choices.EXTERNAL_ALGORITHMS, api.EXTERNAL_ALGORITHMS)
  assert.deepEqual(choices.IDP_PRESETS, api.IDP_PRESET_NAMES)
  assert.deepEqual(choices.BINDEE_KINDS, api.BINDEE_KINDS)
})

test('every command that the catalogue of errors names is there', async () => {
  const commands = (await Promise.all(COMMANDS.map(entry => entry.load()))).flat().map(({ name }) => `lanyard ${name} `)
  for (const [code, { remedy }] of Object.entries(api.ERRORS)) {
    for (const [named] of remedy.matchAll(/lanyard (?!(?:help|nor)\b)[a-z][a-z -]*/g))
      assert.ok(
        commands.some(command => `${named} `.startsWith(command)),
        `${code} names \`${named}\``,
      )
  }
})
