import type { LineageState } from '@lanyard/authority'
import type { Database } from './database.ts'
import type { Model } from './explore.ts'
import { endInternal, federate, federatedAgent, federatedBootstrap, IDP, tokenOf } from './federation.ts'
import { entryState, issueForWorkload, NODE } from './nodes.ts'
import { ANN, BINDING, ISSUER, unbind } from './principals.ts'
import {
  type AuthorityFaults,
  agentState,
  bootstrap,
  hexOf,
  issue,
  killOne,
  operatorKey,
  type Program,
  tokenCaller,
} from './programs.ts'
import { ACME, ALICE, asked, BOB, checkMinted, withLineage, world } from './scene.ts'
import { revokeSecret, rotate, secretCaller, secretState, session } from './secrets.ts'
import type { SmallCase } from './small-case.ts'
import { Violation } from './violation.ts'

/** Asks for a certificate with what was opened, if anything was. */
function* thenIssue(
  { site }: SmallCase,
  opening: Program<LineageState | undefined>,
  number: number,
): Program<LineageState | undefined> {
  const lineage = yield* opening
  if (lineage === undefined) return undefined
  const caller = tokenCaller({ lineage, agent: { ...agentState(lineage) } })
  yield* issue(site, `issue ${number}`, asked({ ...caller, jkt: lineage.jkt }, number, 'one'))
  return lineage
}

const endsInternal = (scene: SmallCase) =>
  scene.given('admissions', ACME, {
    ...{ tenant: ACME, onFederation: 'end', agentMtlsRequired: null, agentMtlsCa: null },
  })

/** A tenant whose provider vouches, with one agent that it brought. */
function federated(faults: AuthorityFaults): SmallCase {
  const scene = world(faults)
  scene.given('idps', IDP.id, IDP)
  scene.given('agents', `${ALICE.tenant}/${ALICE.agent}`, federatedAgent(ALICE))
  return scene
}

function withSecret(scene: SmallCase) {
  const secret = secretState(ALICE, 1)
  scene.given('secrets', secret.id, secret)
  return secretCaller(secret)
}

function withRole(scene: SmallCase): void {
  scene.given('issuers', ISSUER.id, ISSUER)
  scene.given('bindings', BINDING.id, BINDING)
}

/** Cases of who else may have agents get identities: providers, secrets, people with roles. */
export const VOUCHING_CASES: Readonly<Record<string, (faults?: AuthorityFaults) => Model>> = {
  'federation begins and ends what is ours × bootstrap × issue': (faults = {}) => {
    const scene = world(faults)
    endsInternal(scene)
    const { token } = withLineage(scene, BOB, 1)
    scene.start('bootstrap', 'one', thenIssue(scene, bootstrap(scene.site, 'bootstrap', ALICE, hexOf(3)), 1))
    scene.start('issue', 'two', issue(scene.site, 'issue', asked(token, 2, 'two')))
    scene.start('switch', 'two', federate(scene.site, 'switch'))
    return scene
  },
  'federation begins, and ends what is ours later × bootstrap × issue': (faults = {}) => {
    const scene = world(faults)
    const { token } = withLineage(scene, BOB, 1)
    function* operator(): Program<void> {
      yield* federate(scene.site, 'switch')
      yield* endInternal(scene.site, 'end')
    }
    scene.start('bootstrap', 'one', bootstrap(scene.site, 'bootstrap', ALICE, hexOf(3)))
    scene.start('issue', 'two', issue(scene.site, 'issue', asked(token, 2, 'two')))
    scene.start('operator', 'two', operator())
    return scene
  },
  'federation begins × what a node asks for a workload': (faults = {}) => {
    const scene = world(faults)
    endsInternal(scene)
    scene.given('nodes', NODE.node, NODE)
    const entry = entryState(ALICE)
    scene.given('entries', entry.id, entry)
    scene.start('asking', 'one', issueForWorkload(scene.site, 'asking', { number: 1 }))
    scene.start('switch', 'two', federate(scene.site, 'switch'))
    scene.mayCrash('one', 'two')
    return scene
  },
  'kill of a provider × bootstrap by its token × issue': (faults = {}) => {
    const scene = federated(faults)
    const minter = { kind: 'minted_by', value: `idp:${IDP.id}` } as const
    const { token } = withLineage(scene, ALICE, 1, { mintedBy: minter.value })
    const opening = federatedBootstrap(scene.site, 'bootstrap', tokenOf(ALICE, 1), {
      lineage: hexOf(3),
      jkt: 'new-key-1',
    })
    scene.start('bootstrap', 'one', thenIssue(scene, opening, 1))
    scene.start('issue', 'two', issue(scene.site, 'issue', asked(token, 2, 'two')))
    scene.start('kill', 'two', killOne(scene.site, 'kill-0001', ACME, minter))
    scene.atEnd(database => checkMinted(database, minter.value))
    return scene
  },
  'kill of who added a provider × bootstrap by its token × issue': (faults = {}) => {
    const scene = federated(faults)
    const maker = `api-key:${operatorKey.id}`
    scene.given('trust', `${IDP.id} issuer`, { kind: 'idp', id: IDP.id, tenant: ACME, maker })
    const { token } = withLineage(scene, ALICE, 1, { mintedBy: `idp:${IDP.id}` })
    const opening = { lineage: hexOf(3), jkt: 'new-key-1' }
    const door = federatedBootstrap(scene.site, 'bootstrap', tokenOf(ALICE, 1), opening)
    scene.start('bootstrap', 'one', thenIssue(scene, door, 1))
    scene.start('issue', 'two', issue(scene.site, 'issue', asked(token, 2, 'two')))
    scene.start('kill', 'two', killOne(scene.site, 'kill-0001', ACME, { kind: 'minted_by', value: maker }))
    scene.atEnd(database => checkMinted(database, `idp:${IDP.id}`))
    return scene
  },
  'one token of a provider is shown with two keys at once': (faults = {}) => {
    const scene = federated(faults)
    for (const [i, name] of ['one', 'two'].entries()) {
      const opening = { lineage: hexOf(3 + i), jkt: `new-key-${i}` }
      scene.start(name, name, thenIssue(scene, federatedBootstrap(scene.site, name, tokenOf(ALICE, 1), opening), i))
    }
    scene.mayCrash('one', 'two')
    scene.atEnd(checkSpentOnce)
    return scene
  },
  'two tokens of a provider name one new agent at once': (faults = {}) => {
    const scene = world(faults)
    scene.given('idps', IDP.id, IDP)
    const newcomer = { tenant: ACME, agent: 'newcomer' }
    for (const [i, name] of ['one', 'two'].entries()) {
      const opening = { lineage: hexOf(3 + i), jkt: `new-key-${i}` }
      scene.start(name, name, thenIssue(scene, federatedBootstrap(scene.site, name, tokenOf(newcomer, i), opening), i))
    }
    return scene
  },
  "revocation of an agent's secret × session by it × issue": (faults = {}) => {
    const scene = world(faults)
    const caller = withSecret(scene)
    const { token } = withLineage(scene, ALICE, 1, { mintedBy: `agent-secret:${caller.secret}` })
    scene.start('session', 'one', thenIssue(scene, session(scene.site, 'session', caller, hexOf(3)), 1))
    scene.start('issue', 'two', issue(scene.site, 'issue', asked(token, 2, 'two')))
    scene.start('revoke', 'two', revokeSecret(scene.site, 'revoke', ALICE))
    return scene
  },
  'kill of a secret × its exchange × session by the new one': (faults = {}) => {
    const scene = world(faults)
    const caller = withSecret(scene)
    function* exchanging(): Program<void> {
      const next = yield* rotate(scene.site, 'exchange', caller, 2)
      if (next) yield* session(scene.site, 'session', secretCaller(next), hexOf(3))
    }
    const minter = { kind: 'minted_by', value: `agent-secret:${caller.secret}` } as const
    scene.start('exchange', 'one', exchanging())
    scene.start('kill', 'two', killOne(scene.site, 'kill-0001', ACME, minter))
    scene.mayCrash('one', 'two')
    scene.atEnd(database => {
      for (const id of database.keys('secrets')) checkMinted(database, `agent-secret:${id}`)
    })
    return scene
  },
  'two exchange one secret at once × session by it': (faults = {}) => {
    const scene = world(faults)
    const caller = withSecret(scene)
    scene.start('first', 'one', rotate(scene.site, 'first', caller, 2))
    scene.start('second', 'two', rotate(scene.site, 'second', caller, 3))
    scene.start('session', 'two', session(scene.site, 'session', caller, hexOf(3)))
    return scene
  },
  'a role is taken away × bootstrap by it × issue': (faults = {}) => {
    const scene = world(faults)
    withRole(scene)
    const bound = () => scene.site.database.committed(`bindings/${BINDING.id}`) !== undefined
    function* acting(): Program<LineageState | undefined> {
      const opened = yield* bootstrap(scene.site, 'bootstrap', ALICE, hexOf(3), ANN)
      if (opened && !bound()) throw new Violation('somebody acted by a role after it was taken away')
      return opened
    }
    scene.start('bootstrap', 'one', thenIssue(scene, acting(), 1))
    scene.start('unbind', 'two', unbind(scene.site, 'unbind'))
    scene.mayCrash('one', 'two')
    return scene
  },
  'kill of a principal × bootstrap by it × issue': (faults = {}) => {
    const scene = world(faults)
    withRole(scene)
    const minter = { kind: 'minted_by', value: `principal:${ANN.id}` } as const
    scene.start('bootstrap', 'one', thenIssue(scene, bootstrap(scene.site, 'bootstrap', ALICE, hexOf(3), ANN), 1))
    scene.start('kill', 'two', killOne(scene.site, 'kill-0001', ACME, minter))
    scene.mayCrash('one', 'two')
    scene.atEnd(database => checkMinted(database, minter.value))
    return scene
  },
}

/** Whoever copied a token has nothing of it once its holder has shown it. */
function checkSpentOnce(database: Database): void {
  const opened = database.rows<LineageState>('lineages').filter(({ mintedBy }) => mintedBy === `idp:${IDP.id}`)
  if (opened.length > 1) throw new Violation(`one token opened ${opened.length} lineages`)
}
