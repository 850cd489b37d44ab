import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { FakeProcess } from '../../testing/process.ts'
import { attestorSuite } from '../attestor.suite.ts'
import { systemdAttestor } from './index.ts'
import { managerBy } from './manager.ts'

attestorSuite('systemd', systemdAttestor)

const ROOT = '/system.slice/invoice.service'
/** As systemd 252 answers, in its own order. */
const ANSWER = {
  Type: 'simple',
  PIDFile: '',
  NotifyAccess: 'none',
  MainPID: '4242',
  ControlGroup: ROOT,
  Id: 'invoice.service',
  LoadState: 'loaded',
  FragmentPath: '/etc/systemd/system/invoice.service',
}

/** An attestor of a process in this group, whose manager answers so. */
function attestor(change: Partial<typeof ANSWER> = {}, path = ROOT, isThere = true) {
  const asked: string[] = []
  const answer = Object.entries({ ...ANSWER, ...change }).map(([name, value]) => `${name}=${value}\n`)
  const manager = {
    isThere: () => isThere,
    show: async (unit: string) => {
      asked.push(unit)
      return answer.join('')
    },
  }
  const made = systemdAttestor({}, { manager, cgroups: () => [{ hierarchy: '', path }] })
  return { asked, examine: (pid = 4242) => made.examine(new FakeProcess(pid)) }
}

const SELECTORS = ['systemd:id:invoice.service', 'systemd:fragment_path:/etc/systemd/system/invoice.service']

test('the main process of a service, and another one of it', async () => {
  const { asked, examine } = attestor()
  assert.deepEqual(await examine(), { selectors: SELECTORS, mainOf: 'systemd invoice.service' })
  assert.deepEqual(await examine(4243), { selectors: SELECTORS, mainOf: null })
  assert.deepEqual(asked, ['invoice.service'])
})

test('a process beneath the group of the service is of the service', async () => {
  assert.deepEqual((await attestor({}, `${ROOT}/worker`).examine()).selectors, SELECTORS)
})

test('a service that the manager has elsewhere, does not have, or calls otherwise is not that service', async () => {
  for (const change of [
    { ControlGroup: '/other.slice/invoice.service' },
    { ControlGroup: '' },
    { Id: 'other.service' },
    { LoadState: 'not-found' },
  ])
    assert.deepEqual(await attestor(change).examine(), { selectors: [], mainOf: null }, JSON.stringify(change))
})

test('nobody is asked about a process that is in no service, or where systemd does not count as we do', async () => {
  for (const { asked, examine } of [
    attestor({}, '/user.slice/user-1000.slice/session-1.scope'),
    attestor({}, '/'),
    attestor({}, ROOT, false),
  ]) {
    assert.deepEqual(await examine(), { selectors: [], mainOf: null })
    assert.deepEqual(asked, [])
  }
})

/** A program in the place of systemctl. */
function program(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'sysd-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'systemctl'), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
  return join(folder, 'systemctl')
}

test('systemctl is asked with a closed environment and no pattern', async t => {
  const path = program(t, 'env | sort; for word; do echo "arg=$word"; done')
  const lines = (await managerBy(path).show('a@1.service')).split('\n')
  assert.deepEqual(
    lines.filter(line => line.startsWith('arg=')).map(line => line.slice(4)),
    [
      '--system',
      '--no-pager',
      'show',
      '--property=Id,LoadState,ControlGroup,MainPID,Type,PIDFile,NotifyAccess,FragmentPath',
      '--',
      'a@1.service',
    ],
  )
  assert.deepEqual(
    lines.filter(line => /^(HOME|USER|NODE|npm)/.test(line)),
    [],
  )
})

test('a systemctl that fails, says too much or is not there gives no answer', async t => {
  for (const text of ['exit 1', 'kill -9 $$', 'yes']) {
    await assert.rejects(managerBy(program(t, text)).show('a.service'), { code: 'attestation_failed' }, text)
  }
  await assert.rejects(managerBy('/nowhere/systemctl').show('a.service'), { code: 'attestation_failed' })
})
