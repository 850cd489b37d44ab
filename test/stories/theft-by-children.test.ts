import assert from 'node:assert/strict'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { type Actor, PUPPET, type Stage } from '../support/theft/stage.ts'
import { loot, thefts } from '../support/theft/theft.ts'

const UID = 4001
const SELF = [process.execPath, PUPPET]
/** Keeps a descriptor over an exec: FD_CLOEXEC is what Node sets on each. */
const KEEP = (name: string) => ({ do: 'keep', what: name }) as const

let agents: Promise<{ agent: Actor; entry: string; id: string }> | undefined
/** The agent that all of them try to be: launched once, for an entry that has its uid alone. */
function agentOn(stage: Stage) {
  agents ??= stage.register('invoice', { selectors: [`unix:uid:${UID}`] }).then(async ({ entry, id }) => {
    const agent = await stage.launch(entry, UID)
    assert.deepEqual((await agent.ask()).ids, [id], 'the agent itself has it')
    return { agent, entry, id }
  })
  return agents
}

thefts({
  'child shell': async stage => {
    const { agent, id } = await agentOn(stage)
    const shell = ['/bin/sh', '-c', `exec ${SELF.join(' ')}`]
    await agent.order({ do: 'spawn', as: 'shell', command: shell })
    return loot(await agent.ask({ to: ['shell'] }), id)
  },
  'double fork': async stage => {
    const { agent, id } = await agentOn(stage)
    const away = ['/bin/sh', '-c', '/usr/bin/setsid --fork "$0" "$@" <&4', ...SELF]
    const { pid } = await agent.order({ do: 'spawn', as: 'away', command: away, leaves: true })
    const parent = await agent.order({ to: ['away'], do: 'call', code: 'return process.ppid' })
    assert.ok(pid !== agent.pid && parent !== agent.pid, 'it has left its parents')
    return loot(await agent.ask({ to: ['away'] }), id)
  },
  'child at the proxy': async stage => {
    const { agent } = await agentOn(stage)
    await agent.order({ do: 'spawn', as: 'keyless' })
    const code = `
      const { Identity } = await load('@lanyard/sdk')
      const taken = Identity.fromWorkloadApi({ keys: 'daemon', startTimeoutMs: 1000 })
      return taken.then(() => null, error => error.code)`
    const refused: string | null = await agent.order({ to: ['keyless'], do: 'call', code })
    return { code: refused, stolen: refused === null }
  },
  'child as Envoy': async stage => {
    const { agent } = await agentOn(stage)
    assert.equal((await agent.ask({ secrets: true })).code, null, 'the agent itself has it')
    await agent.order({ do: 'spawn', as: 'envoy' })
    const got = await agent.ask({ to: ['envoy'], secrets: true })
    return { code: got.code, stolen: got.ids.length > 0 }
  },
  'same program again': async stage => {
    const { agent, id } = await agentOn(stage)
    await agent.order({ do: 'spawn', as: 'again', command: [process.execPath, '--no-warnings', PUPPET, '--other'] })
    return loot(await agent.ask({ to: ['again'] }), id)
  },
  'agent under its loader': async stage => {
    const { agent, id } = await agentOn(stage)
    const own = join(stage.folder, 'own.cjs')
    writeFileSync(own, 'globalThis.own = true')
    chmodSync(own, 0o644)
    await agent.order({ do: 'spawn', as: 'loaded', env: { NODE_OPTIONS: `--require=${own}` } })
    assert.equal(await agent.order({ to: ['loaded'], do: 'call', code: 'return globalThis.own' }), true)
    return loot(await agent.ask({ to: ['loaded'] }), id)
  },
  'connect then exec': async stage => {
    const { agent, id } = await agentOn(stage)
    const { pid } = await agent.order({ do: 'spawn', as: 'first' })
    await agent.order({ to: ['first'], do: 'connect', as: 'early' })
    const fd = await agent.order({ to: ['first'], ...KEEP('early') })
    await agent.order({ to: ['first'], do: 'exec', command: SELF })
    const now = await agent.order({ to: ['first'], do: 'hello' })
    assert.equal(now.pid, pid, 'it is the same process')
    return loot(await agent.ask({ to: ['first'], fd }), id)
  },
  'agent becomes another program': async stage => {
    const { entry, id } = await stage.register('shifter', { selectors: ['unix:uid:4011'] })
    const shifter = await stage.launch(entry, 4011)
    // A shell in between: the same process is node, sh, and node again.
    await shifter.order({ do: 'exec', command: ['/bin/sh', '-c', `exec ${SELF.join(' ')}`] })
    assert.equal((await shifter.order({ do: 'hello' })).pid, shifter.pid)
    return loot(await shifter.ask(), id)
  },
  'agent becomes a foreign program': async stage => {
    const selectors = ['unix:uid:4012', `unix:path:${process.execPath}`]
    const { entry, id } = await stage.register('shifter-with-path', { selectors })
    const shifter = await stage.launch(entry, 4012)
    assert.deepEqual((await shifter.ask()).ids, [id], 'the agent itself has it')
    const other = await stage.otherNode()
    await shifter.order({ do: 'exec', command: [other, PUPPET] })
    const now = await shifter.order({ do: 'hello' })
    assert.deepEqual([now.pid, now.exe], [shifter.pid, other])
    return loot(await shifter.ask(), id)
  },
})
