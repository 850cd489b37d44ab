import assert from 'node:assert/strict'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { type Actor, MAIN, PUPPET, type Stage } from '../support/theft/stage.ts'
import { loot, thefts } from '../support/theft/theft.ts'

const UID = 4041
const SELF = [process.execPath, PUPPET]

interface Launched {
  readonly agent: Actor
  readonly entry: string
  readonly id: string
}
let launched: Promise<Launched> | undefined
function agentOn(stage: Stage): Promise<Launched> {
  launched ??= stage.register('worker', { selectors: [`unix:uid:${UID}`] }).then(async ({ entry, id }) => {
    const agent = await stage.launch(entry, UID)
    assert.deepEqual((await agent.ask()).ids, [id], 'the agent itself has it')
    return { agent, entry, id }
  })
  return launched
}

const lanyardRun = (stage: Stage, entry: string, ...command: readonly string[]) => [
  ...[process.execPath, MAIN, 'run', '--json', '--entry', entry, '--admin-socket', stage.adminSocket],
  ...['--', ...command],
]

thefts({
  'second run by the agent': async stage => {
    const { agent, entry } = await agentOn(stage)
    const { exit, out } = await agent.order({ do: 'run', command: lanyardRun(stage, entry, '/bin/true') })
    assert.equal(exit, 1, out)
    return { code: JSON.parse(out).code, stolen: false }
  },
  'second run at a time': async stage => {
    const { entry } = await agentOn(stage)
    const root = await stage.start(0)
    const { exit, out } = await root.order({ do: 'run', command: lanyardRun(stage, entry, '/bin/echo', 'it runs') })
    assert.equal(exit, 1, out)
    return { code: JSON.parse(out).code, stolen: out.includes('it runs') }
  },
  'environment of the launch': async stage => {
    const own = join(stage.folder, 'injected.cjs')
    writeFileSync(own, 'globalThis.injected = true')
    chmodSync(own, 0o644)
    const { entry } = await stage.register('clean', { selectors: ['unix:uid:4042'] })
    // LD_PRELOAD of a file that is none would be complained of on standard error by whatever was told of it.
    const env = { NODE_OPTIONS: `--require=${own}`, LD_PRELOAD: '/nonexistent/evil.so' }
    const agent = await stage.launch(entry, 4042, { env, options: ['--env', 'LANG'] })
    const { env: seen } = await agent.order({ do: 'hello' })
    assert.deepEqual([seen.NODE_OPTIONS, seen.LD_PRELOAD], [undefined, undefined])
    const loaded = (await agent.order({ do: 'call', code: 'return globalThis.injected ?? null' })) !== null
    return { code: loaded ? null : 'not_loaded', stolen: loaded }
  },
  'files of the daemon': async stage => {
    const { agent } = await agentOn(stage)
    const code = `
      const { readdirSync, readFileSync } = require('node:fs')
      const tried = [() => readdirSync(${JSON.stringify(stage.data)}), () => readFileSync(${JSON.stringify(join(stage.data, 'node.json'))})]
      return tried.map(read => { try { read(); return null } catch (error) { return error.code } })`
    const codes: string[] = await agent.order({ do: 'call', code })
    assert.deepEqual(codes, ['EACCES', 'EACCES'])
    return { code: codes[0]!, stolen: false }
  },
  'agent beside its supervisor': async stage => {
    const { entry, id } = await stage.register('laptop', { selectors: ['unix:uid:0'], replicas: 2 })
    const supervisor = await stage.start(0)
    await supervisor.order({ do: 'spawn', as: 'agent', command: lanyardRun(stage, entry, ...SELF) })
    assert.deepEqual((await supervisor.ask({ to: ['agent'] })).ids, [id], 'the agent itself has it')
    // The user of the daemon may always launch: here that is root, which agent and shell are, too.
    await supervisor.order({ to: ['agent'], do: 'spawn', as: 'shell', command: lanyardRun(stage, entry, ...SELF) })
    return loot(await supervisor.ask({ to: ['agent', 'shell'] }), id)
  },
})
