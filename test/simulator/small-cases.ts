import { finishStep, type IncidentState, type IncidentStepState, shared } from '@lanyard/authority'
import { Follower } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import { Act } from './act.ts'
import type { Database } from './database.ts'
import type { Model } from './explore.ts'
import { ban, entryState, issueForWorkload, NODE } from './nodes.ts'
import {
  type AuthorityFaults,
  agentState,
  bootstrap,
  certificateCaller,
  describe,
  hexOf,
  issue,
  kill,
  killAll,
  killOne,
  operatorKey,
  type Program,
  reinstate,
  run,
  type Site,
  tokenCaller,
} from './programs.ts'
import { ACME, ALICE, asked, BOB, checkMinted, EVE, withLineage, world } from './scene.ts'
import { AT, type SmallCase } from './small-case.ts'
import { Teller } from './teller.ts'
import { Violation } from './violation.ts'
import { VOUCHING_CASES } from './vouching-cases.ts'

/** The cases, by what happens in them at once. */
export const SMALL_CASES: Readonly<Record<string, (faults?: AuthorityFaults) => Model>> = {
  'kill × issue × renew, on two instances of which one may crash': (faults = {}) => {
    const scene = world(faults)
    const first = withLineage(scene, ALICE, 1)
    const second = withLineage(scene, ALICE, 2, { generation: 1 })
    scene.start('issue', 'one', issue(scene.site, 'issue', asked(first.token, 1, 'one')))
    scene.start('renew', 'two', issue(scene.site, 'renew', asked(certificateCaller(second.held!), 2, 'two')))
    scene.start('kill', 'one', kill(scene.site, 'kill-0001', ALICE))
    scene.mayCrash('one', 'two')
    return scene
  },
  'kill × bootstrap × issue': (faults = {}) => {
    const scene = world(faults)
    function* opened(): Program<void> {
      const own = yield* bootstrap(scene.site, 'bootstrap', ALICE, hexOf(3))
      if (own)
        yield* issue(scene.site, 'issue', asked(tokenCaller({ lineage: own, agent: agentState(ALICE) }), 3, 'one'))
    }
    scene.start('bootstrap', 'one', opened())
    scene.start('kill', 'two', kill(scene.site, 'kill-0001', ALICE))
    scene.mayCrash('one', 'two')
    return scene
  },
  'kill of a tenant × issue of one of its agents × kill of that agent': (faults = {}) => {
    const scene = world(faults)
    const { token } = withLineage(scene, ALICE, 1)
    scene.start('issue', 'one', issue(scene.site, 'issue', asked(token, 1, 'one')))
    scene.start('tenant', 'one', killAll(scene.site, 'kill-0001', ACME))
    scene.start('agent', 'two', kill(scene.site, 'kill-0002', ALICE))
    return scene
  },
  'ban of a node × what it asks for a workload': (faults = {}) => {
    const scene = world(faults)
    scene.given('nodes', NODE.node, NODE)
    const entry = entryState(ALICE)
    scene.given('entries', entry.id, entry)
    function* asking(): Program<void> {
      const first = yield* issueForWorkload(scene.site, 'first', { number: 1 })
      if (first) yield* issueForWorkload(scene.site, 'next', { number: 2, follows: first })
    }
    scene.start('asking', 'one', asking())
    scene.start('ban', 'two', ban(scene.site, 'ban'))
    scene.mayCrash('one', 'two')
    return scene
  },
  'two machines with the key of one node ask at once': (faults = {}) => {
    const scene = world(faults)
    scene.given('nodes', NODE.node, NODE)
    const entry = entryState(ALICE)
    scene.given('entries', entry.id, entry)
    for (const [number, name] of ['one', 'two'].entries()) {
      function* asking(): Program<void> {
        const first = yield* issueForWorkload(scene.site, `first ${name}`, { number: 2 * number + 1 })
        if (first) yield* issueForWorkload(scene.site, `next ${name}`, { number: 2 * number + 2, follows: first })
      }
      scene.start(name, name, asking())
    }
    return scene
  },
  'kills in two tenants at once': (faults = {}) => {
    const scene = world(faults)
    withLineage(scene, ALICE, 1, { generation: 1 })
    withLineage(scene, EVE, 2, { generation: 1 })
    scene.start('alice', 'one', kill(scene.site, 'kill-0001', ALICE))
    scene.start('eve', 'two', kill(scene.site, 'kill-0002', EVE))
    scene.mayCrash('one', 'two')
    return scene
  },
  'kills in two tenants × an instance that looks and tells a point': (faults = {}) => {
    const scene = world(faults)
    for (const [i, agent] of [ALICE, EVE].entries())
      scene.start(agent.agent, 'one', kill(scene.site, `kill-000${i}`, agent))
    const point = new Follower({ budgetMs: 3000, graceMs: 1000, heartbeatMs: 1000, crypto: nodeCrypto })
    const teller = new Teller('two')
    scene.start('looks', 'two', looks(scene.site, teller, point, 3))
    scene.atEnd(() => checkTold(scene, teller, point))
    return scene
  },
  'kill and reinstatement × issue with what was held before': (faults = {}) => {
    const scene = world(faults)
    const { token } = withLineage(scene, ALICE, 1)
    function* twice(): Program<void> {
      yield* kill(scene.site, 'kill-0001', ALICE)
      yield* reinstate(scene.site, 'reinstate', ALICE)
    }
    scene.start('operator', 'one', twice())
    scene.start('issue', 'two', issue(scene.site, 'issue', asked(token, 1, 'two')))
    return scene
  },
  'kill × first issue of a new agent × a change of its description': (faults = {}) => {
    const scene = world(faults)
    scene.given('agents', 'acme/alice', { ...agentState(ALICE), lifecycle: 'pending' })
    const { token } = withLineage(scene, ALICE, 1)
    scene.start('issue', 'one', issue(scene.site, 'issue', asked(token, 1, 'one')))
    scene.start('change', 'two', describe(scene.site, 'change', ALICE))
    scene.start('kill', 'two', kill(scene.site, 'kill-0001', ALICE))
    return scene
  },
  'kill of an API key × bootstrap with it × issue': (faults = {}) => {
    const scene = world(faults)
    const { token } = withLineage(scene, BOB, 1)
    const minter = { kind: 'minted_by', value: `api-key:${operatorKey.id}` } as const
    scene.start('bootstrap', 'one', bootstrap(scene.site, 'bootstrap', ALICE, hexOf(3)))
    scene.start('issue', 'two', issue(scene.site, 'issue', asked(token, 1, 'two')))
    scene.start('kill', 'two', killOne(scene.site, 'kill-0001', ACME, minter))
    scene.atEnd(database => checkMinted(database, minter.value))
    return scene
  },
  'kill of a key × its use in another tenant': (faults = {}) => {
    const scene = world(faults)
    const { held } = withLineage(scene, ALICE, 1, { generation: 1 })
    const { token } = withLineage(scene, EVE, 2)
    const key = held!.keyThumbprint
    const other = { ...asked(token, 2, 'two'), keyThumbprint: key }
    scene.start('issue', 'two', issue(scene.site, 'issue', other))
    scene.start('kill', 'one', killOne(scene.site, 'kill-0001', ACME, { kind: 'key', value: key }))
    scene.mayCrash('one')
    return scene
  },
  'two renew one certificate with two keys': (faults = {}) => {
    const scene = world(faults)
    const { held } = withLineage(scene, ALICE, 1, { generation: 1 })
    for (const [i, instance] of ['one', 'two'].entries())
      scene.start(`renew ${i}`, instance, issue(scene.site, `renew ${i}`, asked(certificateCaller(held!), i, instance)))
    return scene
  },
  'two instances finish the steps of an incident, one may crash': (faults = {}) => {
    const scene = world(faults)
    const incident = { id: 'kill-0001', tenant: ACME, state: 'open', committedAt: null } as unknown as IncidentState
    scene.given('incidents', incident.id, incident)
    scene.given('effects', 'registry', { times: 0 })
    for (const step of ['registry', 'snapshot'] as const)
      scene.given('steps', `${incident.id} ${step}`, waiting(incident.id, step))
    for (const instance of ['one', 'two']) scene.start(instance, instance, finisher(scene.site, incident, instance))
    scene.mayCrash('one', 'two')
    scene.atEnd(checkSteps)
    return scene
  },
  ...VOUCHING_CASES,
}

const waiting = (incident: string, step: IncidentStepState['step']): IncidentStepState => ({
  ...{ incident, step, state: 'waiting', claimedBy: null, claimedUntil: 0, doneAt: null, detail: {} },
})

/** Looks so many times, and tells the point what was seen. */
function* looks(site: Site, teller: Teller, point: Follower, times: number): Program<void> {
  for (let i = 0; i < times; i++) {
    const sight = yield* run(new Act(site.database, `look ${i}`, null, teller.step(site, AT)))
    const line = sight && teller.saw(sight)
    if (line) point.receive(line, { wall: AT, monotonic: i })
  }
}

/** Once everything is committed, one more look is enough to know it all. */
function checkTold(scene: SmallCase, teller: Teller, point: Follower): void {
  const last = looks(scene.site, teller, point, 1)
  for (let act = last.next(); !act.done; act = last.next()) while (!act.value.over) act.value.next(AT)
  for (const agent of [ALICE, EVE]) {
    const { spiffeId: id } = agentState(agent)
    const credential = { id, tenant: agent.tenant, incarnation: 1, lineage: null, keyThumbprint: '', issuerKeyId: null }
    if (point.deaths.judge(credential) === 'alive') throw new Violation(`the point never heard that ${id} is dead`)
  }
  if (point.epoch !== 12) throw new Violation(`the point is at epoch ${point.epoch} of 12`)
}

/** Ends every step that waits: both instances do, as after a lease that ran out while its holder went on. */
function* finisher({ database, rows }: Site, incident: IncidentState, instance: string): Program<void> {
  for (const step of ['registry', 'snapshot'] as const) {
    const effects = function* () {
      const times = (tx: { get(t: string, k: string): unknown }) => (tx.get('effects', 'registry') as { times: number }).times // biome-ignore format: a row
      const count = (tx: Parameters<typeof times>[0] & { put(t: string, k: string, row: object): void }) =>
        tx.put('effects', 'registry', { times: times(tx) + 1 })
      yield { sql: 'effect', parameters: [count] }
    }
    const end = { step, by: instance, detail: {}, effects }
    const act = { caller: 'server', at: AT, source: null, correlation: null } as const
    yield* run(new Act(database, `${instance} ${step}`, shared(), () => finishStep(rows, incident, end, act)))
  }
}

function checkSteps(database: Database): void {
  const steps = database.rows<IncidentStepState>('steps')
  if (steps.some(({ state }) => state !== 'done')) throw new Violation('a step was not finished')
  const { times } = database.committed('effects/registry') as { times: number }
  if (times !== steps.length) throw new Violation(`${steps.length} steps had their effects ${times} times`)
  const incident = database.committed('incidents/kill-0001') as IncidentState
  if (incident.state !== 'closed') throw new Violation('all steps are done, and the incident is open')
}
