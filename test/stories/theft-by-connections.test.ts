import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import type { Got } from '../support/theft/ask.ts'
import type { Actor, Stage } from '../support/theft/stage.ts'
import { loot, thefts } from '../support/theft/theft.ts'

const UID = 4021
let registered: Promise<{ entry: string; id: string }> | undefined

/** A new agent for each attempt, since some of them end it. */
async function launched(stage: Stage) {
  registered ??= stage.register('courier', { selectors: [`unix:uid:${UID}`], replicas: 10 })
  const { entry, id } = await registered
  const agent = await stage.launch(entry, UID)
  assert.deepEqual((await agent.ask()).ids, [id], 'the agent itself has it')
  return { agent, id }
}

/** The agent makes a connection, a stranger of its uid gets it over a socket between the two, and holds it when the agent ends. */
async function heir(agent: Actor): Promise<void> {
  await agent.order({ do: 'connect', as: 'line' })
  await agent.order({ do: 'spawn', as: 'heir', inherits: 'line' })
}

/** How many agents are ended until a thief has the number of one, and how many thieves are started for each. */
const AGENTS = 5
const THIEVES = 80

/**
 * Ends an agent, and starts thieves until one has its number; the kernel is told which one was given last. Another process of
 * this machine, or a thread of one, may take it first and keep it: then another agent is ended.
 */
async function replaced<T>(stage: Stage, prepare: (agent: Actor) => Promise<T>) {
  for (let round = 0; round < AGENTS; round++) {
    const { agent, id } = await launched(stage)
    const prepared = await prepare(agent)
    await agent.kill()
    const thief = await thiefWithPid(stage, agent.pid)
    if (thief === null) continue
    assert.equal(thief.pid, agent.pid)
    return { thief, id, prepared }
  }
  throw new Error(`no process got the number of one of ${AGENTS} that had ended`)
}

async function thiefWithPid(stage: Stage, pid: number): Promise<Actor | null> {
  for (let i = 0; i < THIEVES; i++) {
    writeFileSync('/proc/sys/kernel/ns_last_pid', String(pid - 1))
    const thief = await stage.startAs(pid, UID)
    if (thief) return thief
  }
  return null
}

/** Whether the daemon has seen the end already or sees it by the call is chance. */
const overDead = (got: Got, id: string) =>
  loot(got.code === 'workload_gone' ? { ...got, code: 'connection_ended' } : got, id)

thefts({
  'socket passed on': async stage => {
    const { agent, id } = await launched(stage)
    await agent.order({ do: 'spawn', as: 'tool', channel: true })
    await agent.order({ do: 'connect', as: 'line' })
    await agent.order({ do: 'give', what: 'line', to_child: 'tool' })
    await agent.order({ to: ['tool'], do: 'take', as: 'handed' })
    return loot(await agent.ask({ to: ['tool'], with: 'handed' }), id)
  },
  'inherited descriptor': async stage => {
    const { agent, id } = await launched(stage)
    await agent.order({ do: 'connect', as: 'line' })
    await agent.order({ do: 'spawn', as: 'tool', inherits: 'line' })
    return loot(await agent.ask({ to: ['tool'], fd: 3 }), id)
  },
  'foreign connection through the agent': async stage => {
    const { agent, id } = await launched(stage)
    await agent.order({ do: 'spawn', as: 'thief', channel: true })
    await agent.order({ to: ['thief'], do: 'connect', as: 'own' })
    await agent.order({ to: ['thief'], do: 'give', what: 'own', to_child: null })
    await agent.order({ do: 'take', as: 'foreign' })
    return loot(await agent.ask({ with: 'foreign' }), id)
  },
  'connection of the dead': async stage => {
    const { agent, id } = await launched(stage)
    await heir(agent)
    const thief = await stage.adopt(agent, 'heir')
    await agent.kill()
    return overDead(await thief.ask({ fd: 3 }), id)
  },
  'pid reuse': async stage => {
    const { thief, id } = await replaced(stage, async () => {})
    return loot(await thief.ask(), id)
  },
  'pid reuse with a connection of the dead': async stage => {
    const { id, prepared: heirOf } = await replaced(stage, async agent => {
      await heir(agent)
      return await stage.adopt(agent, 'heir')
    })
    return overDead(await heirOf.ask({ fd: 3 }), id)
  },
})
