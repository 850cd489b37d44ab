import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Actor, Stage } from '../support/theft/stage.ts'
import { type Loot, thefts } from '../support/theft/theft.ts'

const UID = 4031
const OTHER = 4032
const KEYLESS = 4033

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

/** The private key of an SVID that the daemon keeps on disk: the number itself, in both orders of bytes, hex. */
function secretsOf(stage: Stage, id: string): string[] {
  const names = readdirSync(stage.data, { recursive: true, encoding: 'utf8' }).map(name => join(stage.data, name))
  const texts = names.filter(name => statSync(name).isFile()).map(name => readFileSync(name, 'utf8'))
  const pem = texts.filter(text => text.includes(id)).flatMap(text => /-----BEGIN PRIVATE[^"]+/.exec(text) ?? [])
  return pem.flatMap(written => {
    const { d } = createPrivateKey(written.replaceAll('\\n', '\n')).export({ format: 'jwk' })
    const bytes = Buffer.from(d!, 'base64url')
    return [bytes.toString('hex'), Buffer.from(bytes).reverse().toString('hex')]
  })
}

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
  'memory where the daemon holds the keys': async stage => {
    const { entry, id } = await stage.register('keyless', { selectors: [`unix:uid:${KEYLESS}`] })
    const agent = await stage.launch(entry, KEYLESS)
    const take = `
      const { Identity } = await load('@lanyard/sdk')
      globalThis.identity = await Identity.fromWorkloadApi({ keys: 'daemon' })
      return String(globalThis.identity.id)`
    assert.equal(await agent.order({ do: 'call', code: take }), id, 'the agent itself has it')
    const thief = await stage.start(KEYLESS)
    const secrets = secretsOf(stage, id)
    assert.equal(secrets.length, 2)
    const none = await thief.order({ do: 'search', pid: agent.pid, secrets })
    const any = await thief.order({ do: 'search', pid: agent.pid })
    assert.deepEqual([none.code, any.code], [null, null], 'its memory was read')
    const stolen = none.keys.length + any.keys.length > 0
    return { code: stolen ? null : 'no_key_there', stolen }
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
