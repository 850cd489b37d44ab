import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mainPidOf, parseProperties, unitOf } from './unit.ts'

const unified = (path: string) => unitOf([{ hierarchy: '', path }])

test('the unit is the first part that is no slice', () => {
  const cases = {
    '/system.slice/invoice.service': ['invoice.service', '/system.slice/invoice.service'],
    '/system.slice/invoice.service/worker/1': ['invoice.service', '/system.slice/invoice.service'],
    '/system.slice/system-agent.slice/agent@7.service': [
      'agent@7.service',
      '/system.slice/system-agent.slice/agent@7.service',
    ],
    '/invoice.service': ['invoice.service', '/invoice.service'],
    '/system.slice/_cpu.service': ['cpu.service', '/system.slice/_cpu.service'],
    '/system.slice/a\\x2db.service': ['a\\x2db.service', '/system.slice/a\\x2db.service'],
  }
  for (const [path, [unit, root]] of Object.entries(cases)) assert.deepEqual(unified(path), { unit, root, path })
})

test('groups that a user or a container named are none of the system', () => {
  const user = '/user.slice/user-1000.slice/user@1000.service'
  for (const path of [
    `${user}/invoice.service`,
    `${user}/app.slice/invoice.service`,
    `${user}/system.slice/invoice.service`,
  ])
    assert.equal(unified(path)?.unit, 'user@1000.service')
  const container = `docker-${'a'.repeat(64)}.scope`
  for (const path of [
    `/system.slice/${container}/system.slice/invoice.service`,
    '/user.slice/user-1000.slice/session-3.scope/invoice.service',
    '/docker/invoice.service',
    '/',
    '/system.slice',
    '/system.slice/*.service',
    '/system.slice/-p.service',
    '/system.slice/a b.service',
    '/system.slice/.service',
    `/system.slice/${'a'.repeat(250)}.service`,
  ])
    assert.equal(unified(path), null, path)
})

test('the tree of version 1 counts where version 2 holds nothing', () => {
  const own = { hierarchy: 'name=systemd', path: '/system.slice/a.service' }
  assert.equal(unitOf([{ hierarchy: '', path: '/' }, own])?.unit, 'a.service')
  assert.equal(unitOf([{ hierarchy: '', path: '/system.slice/b.service' }, own])?.unit, 'b.service')
  assert.equal(unitOf([{ hierarchy: 'pids', path: '/system.slice/a.service' }]), null)
  assert.equal(unitOf([]), null)
})

const properties = (change: Record<string, string | undefined>) => {
  const all = { Id: 'a.service', MainPID: '7', Type: 'simple', PIDFile: '', NotifyAccess: 'none', ...change }
  return new Map(Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== undefined))
}

test('the main process is the one that systemd started', () => {
  for (const Type of ['simple', 'exec', 'notify', 'notify-reload', 'dbus', 'oneshot', 'idle'])
    assert.equal(mainPidOf(properties({ Type })), 7, Type)
  assert.equal(mainPidOf(properties({ NotifyAccess: 'main' })), 7)
})

test('where a process of the service could have named itself there is no main process', () => {
  const hostile: Record<string, string | undefined>[] = [
    { Type: 'forking' },
    { Type: undefined },
    { Type: 'new' },
    { PIDFile: '/run/a.pid' },
    { PIDFile: undefined },
    { NotifyAccess: 'all' },
    { NotifyAccess: 'exec' },
    { NotifyAccess: undefined },
    { MainPID: '0' },
    { MainPID: '' },
    { MainPID: '-7' },
    { MainPID: '7.5' },
    { MainPID: undefined },
    { Id: 'user@1000.service' },
  ]
  for (const change of hostile) assert.equal(mainPidOf(properties(change)), null, JSON.stringify(change))
})

test('properties are lines, and their values may hold equals signs', () => {
  assert.deepEqual(
    [...parseProperties('Id=a=b\nPIDFile=\n\nno line\n')],
    [
      ['Id', 'a=b'],
      ['PIDFile', ''],
    ],
  )
})
