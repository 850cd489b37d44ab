import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Ack, Certificate, decodePem, signAck, TrustDomain, verifyReceipt } from '@lanyard/protocol'
import { nodeCrypto, nodeSigner } from '@lanyard/protocol/node'
import type { Answer, CallOptions } from '../testing/client.ts'
import type { Held } from '../testing/http.ts'
import { adminStage } from '../testing/stages.ts'

const { server, admin, call, ok, refused } = await adminStage()

let made = 0
const uuid = () => `00000000-0000-4000-8000-${String(++made).padStart(12, '0')}`

interface Someone {
  readonly tenant: string
  readonly agent: string
  readonly held: Held
}

async function someone(tenant = `t${++made}`, agent = `a${++made}`): Promise<Someone> {
  await server.agent({ tenant, agent })
  return { tenant, agent, held: await server.certificate({ tenant, agent }) }
}

const by = ({ held }: Someone): CallOptions => ({ tls: held, token: undefined })
const killPath = ({ tenant, agent }: Someone) => `POST /v1/agents/${tenant}/${agent}/kill`

const enrolment = (more: object = {}) => ({
  ...{ point: uuid(), name: 'web', mode: 'guarded', budget_ms: 3000, grace_ms: 1000, epoch: 0, sessions: 0 },
  ...{ as_of: null, offset_ms: null, uncertainty_ms: null },
  ...more,
})

async function enrol(who: Someone, more: object = {}): Promise<string> {
  const body = enrolment(more)
  await ok('POST /v1/feed/points', 200, body, by(who))
  return body.point
}

async function ackOf({ held }: Someone, point: string, epoch: number, more: Partial<Ack> = {}): Promise<string> {
  const chain = decodePem(held.cert, { labels: ['CERTIFICATE'], maxBlocks: 2 }).map(({ der }) =>
    Certificate.fromDer(der),
  )
  const appliedAt = server.clock.now()
  const ack = {
    point,
    feedId: server.feed.feedId,
    epoch,
    appliedAt,
    cut: 0,
    lastAccept: null,
    offsetMs: 1,
    uncertaintyMs: 2,
    ...more,
  }
  return await signAck(ack, { signer: nodeSigner(held.privateKey), chain })
}

/** The incident once it is closed. */
async function closed(incident: string): Promise<Answer['body']> {
  for (let looks = 0; looks < 400; looks++) {
    const body = await ok(`GET /v1/incidents/${incident}`, 200)
    if (body.state === 'closed') return body
    await new Promise(resolve => setImmediate(resolve))
  }
  throw new Error(`incident ${incident} stays open`)
}

const roots = () => server.pipeline.authorities.roots()

describe('enforcement points', () => {
  test('enrol, renew and are listed for whom they concern', async () => {
    const who = await someone()
    const body = enrolment()
    const first = await ok('POST /v1/feed/points', 200, body, by(who))
    assert.deepEqual([first.point, first.renew_after_ms], [body.point, 5000])
    assert.ok(first.received_at <= first.answered_at)
    assert.equal(Date.parse(first.leased_until) - server.clock.now(), 15_000)
    const long = await ok('POST /v1/feed/points', 200, { ...body, budget_ms: 60_000 }, by(who))
    assert.equal(Date.parse(long.leased_until) - server.clock.now(), 66_000)
    const listed = async (token: string) =>
      (await ok('GET /v1/feed/points', 200, undefined, { token })).items.map(({ point }: { point: string }) => point)
    assert.ok((await listed(admin)).includes(body.point))
    assert.deepEqual(await listed(await server.apiKey('auditor', { tenant: who.tenant })), [body.point])
    const elsewhere = await server.apiKey('auditor', { tenant: (await someone()).tenant })
    assert.deepEqual(await listed(elsewhere), [])
  })

  test('belong to one agent', async () => {
    const [owner, thief] = [await someone(), await someone()]
    const point = await enrol(owner)
    await refused('point_conflict', 'POST /v1/feed/points', enrolment({ point }), by(thief))
    for (const bad of [{ point: 'x' }, { mode: 'maybe' }, { budget_ms: 1 }, { epoch: -1 }])
      await refused('body_invalid', 'POST /v1/feed/points', enrolment(bad), by(owner))
    await refused('permission_missing', 'POST /v1/feed/points', enrolment())
  })

  test('tell when they begin, come back after a long time, and saw the feed fall back', async () => {
    const who = await someone()
    const body = enrolment()
    const types = async () => {
      const { items } = await ok(`GET /v1/events?tenant=${who.tenant}&limit=20`, 200)
      return items.map(({ type }: { type: string }) => type).filter((type: string) => /^(point|feed)/.test(type))
    }
    await ok('POST /v1/feed/points', 200, body, by(who))
    await ok('POST /v1/feed/points', 200, { ...body, regressed: 'epoch 9 after 12' }, by(who))
    assert.deepEqual(await types(), ['feed.regressed', 'point.enrolled'])
    server.clock.advance(20)
    await ok('POST /v1/feed/points', 200, body, by(who))
    assert.equal((await types()).length, 2)
    server.clock.advance(80)
    await ok('POST /v1/feed/points', 200, body, by(who))
    assert.deepEqual((await types()).toSorted(), ['feed.regressed', 'point.enrolled', 'point.enrolled', 'point.lapsed'])
  })

  test('acknowledge what they applied, for themselves and not beforehand', async () => {
    const [who, other] = [await someone(), await someone()]
    const point = await enrol(who)
    const epoch = await server.pipeline.store.read(() => server.pipeline.rows.epoch.current())
    const send = (ack: string, options = by(who)) => call('POST /v1/feed/acks', { ack }, options)
    const kept = await send(await ackOf(who, point, epoch))
    assert.equal(kept.status, 204, kept.text)
    const codes = {
      ack_invalid: [
        await ackOf(who, point, epoch + 1),
        await ackOf(who, point, epoch, { feedId: 'another' }),
        await ackOf(other, point, epoch),
      ],
      not_found: [await ackOf(who, uuid(), epoch)],
    }
    for (const [code, acks] of Object.entries(codes)) {
      for (const ack of acks) assert.equal((await send(ack)).body.code, code)
    }
    assert.equal((await send(await ackOf(other, point, epoch), by(other))).body.code, 'not_found')
    const forged = await ackOf(who, point, epoch)
    assert.equal((await send(`${forged.slice(0, -4)}AAAA`)).body.code, 'ack_invalid')
    await refused('permission_missing', 'POST /v1/feed/acks', { ack: 'x' })
  })
})

describe('services', () => {
  const announce = (who: Someone, url: string) => call('POST /v1/services', { url }, by(who))
  const found = async (options?: CallOptions, query = '') =>
    (await ok(`GET /v1/services${query}`, 200, undefined, options)).items.map(({ url }: { url: string }) => url)

  test('are announced, found within the tenant, withdrawn, and gone after their lease', async () => {
    const [who, stranger] = [await someone(), await someone()]
    const neighbour = await someone(who.tenant)
    const url = 'https://billing.example.org:8443/mcp'
    const answer = await ok('POST /v1/services', 200, { url }, by(who))
    assert.deepEqual([answer.url, answer.agent, answer.renew_after_ms], [url, who.agent, 20_000])
    assert.deepEqual(await found(by(neighbour)), [url])
    assert.deepEqual(await found(by(neighbour), `?spiffe_id=${encodeURIComponent(answer.spiffe_id)}`), [url])
    assert.deepEqual(await found(by(neighbour), '?spiffe_id=spiffe://example.test/nobody'), [])
    assert.deepEqual(await found(by(stranger)), [])
    await refused('tenant_mismatch', `GET /v1/services?tenant=${who.tenant}`, undefined, by(stranger))
    const remove = (whose: Someone) => call(`DELETE /v1/services?url=${encodeURIComponent(url)}`, undefined, by(whose))
    assert.equal((await remove(neighbour)).body.code, 'not_found')
    assert.equal((await remove(who)).status, 204)
    assert.deepEqual(await found(by(neighbour)), [])
    await announce(who, url)
    server.clock.advance(61)
    assert.deepEqual(await found(by(neighbour)), [])
  })

  test('are URLs that can be called, and not too many of one agent', async () => {
    const who = await someone()
    for (const url of [
      ...[
        'http://x',
        'https://user@x',
        'https://x/?q',
        'https://x/#f',
        'javascript:alert(1)',
        'https://',
        'https://x:',
      ],
      // What readers read differently, and what deceives on a terminal or in a page.
      ...[
        'https://a\\b',
        'https://a"b',
        'https://<x>',
        'https://a%40b',
        'https://a,b',
        'https://x:0',
        'https://x:65536',
      ],
      ...[
        'https://x/\u001b[2J',
        'https://x/\u202e',
        'https://\u0430pple',
        'https://x/\u0085',
        'https://[x]',
        'https://-x',
      ],
    ])
      assert.equal((await announce(who, url)).body.code, 'body_invalid', url)
    for (let port = 1; port <= 32; port++) assert.equal((await announce(who, `https://x:${port}`)).status, 200)
    assert.equal((await announce(who, 'https://x:33')).body.code, 'too_many_services')
    assert.equal((await announce(who, 'https://x:32')).status, 200)
    const other = await someone()
    for (const url of ['https://[::1]:8443/a', 'wss://web_1/', 'grpcs://EXAMPLE.org:65535/a/b(c);v=1@x%20y'])
      assert.equal((await announce(other, url)).status, 200, url)
  })

  test('leave with the kill of their agent, and with its retirement', async () => {
    const [killed, retired, spared] = [await someone(), await someone(), await someone()]
    for (const who of [killed, retired, spared]) await announce(who, `https://${who.agent}`)
    const { incident } = await ok(killPath(killed), 202, { reason: 'r' })
    await closed(incident)
    await call(`DELETE /v1/agents/${retired.tenant}/${retired.agent}`)
    for (const [{ tenant, agent }, expected] of [
      [killed, []],
      [retired, []],
      [spared, [`https://${spared.agent}`]],
    ] as const)
      assert.deepEqual(await found({}, `?tenant=${tenant}`), expected, agent)
    const { items } = await ok(`GET /v1/events?tenant=${killed.tenant}&type=service.withdrawn`, 200)
    assert.deepEqual(items[0].detail, { url: `https://${killed.agent}`, incident })
  })
})

describe('incidents', () => {
  test('close when every point has answered, with a receipt that proves itself', async () => {
    const [victim, one, other] = [await someone(), await someone(), await someone()]
    const mine = await someone(victim.tenant)
    const points = {
      mine: await enrol(mine),
      one: await enrol(one),
      other: await enrol(other, { mode: 'best_effort' }),
    }
    const own = await enrol(victim)
    const killed = await ok(killPath(victim), 202, { reason: 'loop' })
    const open = await ok(`GET /v1/incidents/${killed.incident}`, 200)
    assert.equal(open.state, 'open')
    const lastAccept = server.clock.now() - 5
    await call(
      'POST /v1/feed/acks',
      { ack: await ackOf(mine, points.mine, killed.epoch, { cut: 2, lastAccept }) },
      by(mine),
    )
    for (const [who, point] of [
      [one, points.one],
      [other, points.other],
    ] as const)
      assert.equal(
        (await call('POST /v1/feed/acks', { ack: await ackOf(who, point, killed.epoch) }, by(who))).status,
        204,
      )
    const incident = await closed(killed.incident)
    assert.ok(incident.steps.every(({ state }: { state: string }) => state === 'done'))
    const { receipt } = verifyReceipt(
      incident.receipt,
      { roots: roots(), trustDomain: TrustDomain.parse('example.test') },
      nodeCrypto,
    )
    assert.deepEqual(
      [receipt.incident, receipt.tenant, receipt.epoch, receipt.cut, receipt.lastAccept, receipt.reason],
      [killed.incident, victim.tenant, killed.epoch, 2, lastAccept, 'loop'],
    )
    assert.ok(receipt.commit.sent <= receipt.commit.acknowledged)
    const outcomes = new Map(receipt.points.map(point => [point.point, point]))
    const seen = Object.values(points).map(point => outcomes.get(point)!)
    assert.deepEqual(
      seen.map(({ outcome, spiffeId, ack }) => [outcome, spiffeId !== null, ack !== null]),
      [
        ['applied', true, true],
        ['applied', false, false],
        ['applied', false, false],
      ],
    )
    assert.equal(outcomes.get(own)?.outcome, 'killed')
    const shown = new Map(incident.acknowledgements.map((each: { point: string }) => [each.point, each]))
    assert.deepEqual((shown.get(points.mine) as { cut: number }).cut, 2)
  })

  test('close after ten seconds without those who are silent, naming when they fail closed', async () => {
    server.clock.advance(120)
    const victim = await someone()
    const [guarded, bestEffort] = [await someone(victim.tenant), await someone(victim.tenant)]
    const points = [await enrol(guarded), await enrol(bestEffort, { mode: 'best_effort' })]
    const killed = await ok(killPath(victim), 202, { reason: 'r' })
    const waiting = await ok(`GET /v1/incidents/${killed.incident}`, 200)
    assert.deepEqual(
      waiting.acknowledgements.map(({ outcome }: { outcome: string }) => outcome),
      ['waiting', 'waiting'],
    )
    server.clock.advance(10)
    await server.incidents.turn()
    const incident = await closed(killed.incident)
    const byPoint = (point: string) => incident.acknowledgements.find((each: { point: string }) => each.point === point)
    assert.equal(byPoint(points[0]!).outcome, 'silent')
    assert.equal(Date.parse(byPoint(points[0]!).fails_closed_by), Date.parse(killed.at) + 4000)
    assert.deepEqual([byPoint(points[1]!).outcome, byPoint(points[1]!).fails_closed_by], ['best_effort', null])
    assert.equal(incident.unguarded_until !== null, true)
  })

  test('are listed by tenant and state, page by page', async () => {
    server.clock.advance(120)
    const victim = await someone()
    const token = await server.apiKey('auditor', { tenant: victim.tenant })
    const ids: string[] = []
    for (let index = 0; index < 3; index++) {
      ids.unshift((await ok(killPath(victim), 202, { reason: 'r' })).incident)
      await closed(ids[0]!)
      server.clock.advance(1)
    }
    const seen: string[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const more = cursor === '' ? '' : `&cursor=${cursor}`
      const page: Answer['body'] = await ok(`GET /v1/incidents?limit=2&state=closed${more}`, 200, undefined, { token })
      seen.push(...page.items.map(({ incident }: { incident: string }) => incident))
      cursor = page.next_cursor
    }
    assert.deepEqual(seen, ids)
    await refused('tenant_mismatch', 'GET /v1/incidents?tenant=elsewhere', undefined, { token })
    await refused('not_found', 'GET /v1/incidents/inc_nobodys')
  })
})

describe('forensic snapshots', () => {
  test('of a secret in a reason nothing is told', async () => {
    const who = await someone()
    const secret = 'c0ffee5ecretc0ffee5ecret'
    const reason = `key lanyard_0123456789ab_${secret} leaked, password=${secret}`
    const { incident } = await ok(killPath(who), 202, { reason })
    await ok(`POST /v1/agents/${who.tenant}/${who.agent}/reinstate`, 200, { reason })
    await ok('POST /v1/agent/auth/revoke', 200, { tenant: who.tenant, agent: who.agent, reason })
    const { receipt, ...shown } = await closed(incident)
    const read = verifyReceipt(receipt, { roots: roots() }, nodeCrypto).receipt
    const events = await ok(`GET /v1/events?tenant=${who.tenant}`, 200)
    const snapshot = await ok(`GET /v1/incidents/${incident}/snapshot`, 200)
    for (const told of [shown, read, events, snapshot, server.logged]) {
      assert.ok(!JSON.stringify(told).includes(secret), JSON.stringify(told))
    }
    assert.match(read.reason, /^key \[redacted: API key\] leaked/)
  })

  test('hold what was known, redacted, sealed, and tell who read them', async () => {
    server.clock.advance(120)
    const victim = await someone()
    const peer = await someone(victim.tenant)
    const point = await enrol(peer)
    const second = await server.certificate(victim)
    const snapshot = { rule: 'egress', note: 'password=hunter2', access_token: 'abc' }
    const killed = await ok(killPath(victim), 202, { reason: 'r', snapshot })
    const stored = await server.pipeline.store.read(() => server.pipeline.rows.incidents.find(killed.incident))
    assert.doesNotMatch(JSON.stringify(stored?.evidence), /egress|hunter2/)
    const lastAccept = server.clock.now()
    await call('POST /v1/feed/acks', { ack: await ackOf(peer, point, killed.epoch, { cut: 3, lastAccept }) }, by(peer))
    await closed(killed.incident)
    const path = `GET /v1/incidents/${killed.incident}/snapshot`
    const shown = await ok(path, 200)
    assert.ok(Date.parse(shown.kept_until) > server.clock.now() + 80 * 86_400_000)
    const { evidence, agents, lineages, minted_by_same, peers } = shown.snapshot
    assert.deepEqual(evidence, {
      rule: 'egress',
      note: 'password=[redacted: assigned to a secret name]',
      access_token: '[redacted: named like a secret]',
    })
    assert.deepEqual(
      agents[0].alive_at_kill.map(({ serial }: { serial: string }) => serial).toSorted(),
      [victim.held.serial, second.serial].toSorted(),
    )
    assert.ok(agents[0].permissions.includes('cert.issue'))
    assert.equal(lineages.length, 2)
    assert.equal(minted_by_same[0].minted_by, 'api-key:admin')
    assert.deepEqual(
      peers.map(({ point, connections_cut }: { point: string; connections_cut: number }) => [point, connections_cut]),
      [[point, 3]],
    )
    const sealed = await server.pipeline.store.read(() => server.pipeline.rows.snapshots.find(killed.incident))
    assert.doesNotMatch(Buffer.from(sealed!.sealed).toString('latin1'), /egress/)
    const after = await server.pipeline.store.read(() => server.pipeline.rows.incidents.find(killed.incident))
    assert.equal(after?.evidence, null)
    const { items } = await ok('GET /v1/events?type=incident.snapshot_read', 200)
    assert.equal(items[0].detail.incident, killed.incident)
    await refused('permission_missing', path, undefined, { token: await server.apiKey('operator') })
    await refused('not_found', path, undefined, {
      token: await server.apiKey('admin', { tenant: (await someone()).tenant }),
    })
    await refused('not_found', 'GET /v1/incidents/inc_nobodys/snapshot')
  })
})
