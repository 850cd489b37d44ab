import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import type { Actor, Stage } from '../support/theft/stage.ts'
import { type Loot, thefts } from '../support/theft/theft.ts'

const UID = 4031
const OTHER = 4032

let launched: Promise<{ agent: Actor; keys: readonly string[] }> | undefined
function agentOn(stage: Stage) {
  launched ??= stage.register('keeper', { selectors: [`unix:uid:${UID}`] }).then(async ({ entry }) => {
    const agent = await stage.launch(entry, UID)
    const { keys } = await agent.ask()
    assert.equal(keys.length, 1, 'the agent itself has a key')
    return { agent, keys }
  })
  return launched
}

/** Yama lets a debugger attach to its own children alone where this is 1 or more; then the system stops what it would allow. */
const restricted = ['/proc/sys/kernel/yama/ptrace_scope'].some(
  path => existsSync(path) && readFileSync(path, 'utf8')[0] !== '0',
)

async function searched(thief: Actor, agent: Actor, keys: readonly string[]): Promise<Loot> {
  const found = await thief.order({ do: 'search', pid: agent.pid })
  return { code: found.code, stolen: found.keys.some((key: string) => keys.includes(key)) }
}

/** PTRACE_ATTACH is 16, PTRACE_DETACH 17, EPERM 1: ptrace(2). */
const attach = (pid: number) => `
  const koffi = require('koffi')
  const ptrace = koffi.load('libc.so.6').func('long ptrace(int, int, void *, void *)')
  if (ptrace(16, ${pid}, null, null) === -1) return { attached: false, errno: koffi.errno() }
  const traced = require('node:fs').readFileSync('/proc/${pid}/status', 'utf8').match(/TracerPid:\\s+(\\d+)/)[1]
  const waitpid = koffi.load('libc.so.6').func('int waitpid(int, void *, int)')
  waitpid(${pid}, null, 0x40000000)
  ptrace(17, ${pid}, null, null)
  return { attached: traced === String(process.pid), errno: 0 }`

async function traced(thief: Actor, agent: Actor): Promise<Loot> {
  const { attached, errno } = await thief.order({ do: 'call', code: attach(agent.pid) })
  return { code: attached ? null : errno === 1 ? 'EPERM' : String(errno), stolen: attached }
}

/** Where the machine is restricted already, what the table says of others is not so here. */
const asElsewhere = (loot: Loot): Loot => (restricted && !loot.stolen ? { code: null, stolen: true } : loot)

thefts({
  inspector: async stage => {
    const { agent } = await agentOn(stage)
    const thief = await stage.start(UID)
    await thief.order({ do: 'signal', pid: agent.pid, signal: 'SIGUSR1' })
    const url = await agent.order({ do: 'call', code: 'return require("node:inspector").url() ?? null' })
    return { code: url === null ? 'no_inspector' : null, stolen: url !== null }
  },
  'memory of the same uid': async stage => {
    const { agent, keys } = await agentOn(stage)
    return asElsewhere(await searched(await stage.start(UID), agent, keys))
  },
  'ptrace of the same uid': async stage => {
    const { agent } = await agentOn(stage)
    return asElsewhere(await traced(await stage.start(UID), agent))
  },
  'memory of another uid': async stage => {
    const { agent, keys } = await agentOn(stage)
    const stranger = await stage.start(OTHER)
    assert.deepEqual(await traced(stranger, agent), { code: 'EPERM', stolen: false })
    return searched(stranger, agent, keys)
  },
})
