import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Finding } from '../../ports.ts'
import { bootSystemd, unlessSystemd } from './testing/booted.ts'

const CHILD = fileURLToPath(new URL('testing/examines.child.ts', import.meta.url))

const service = (lines: string) => `[Unit]\nDefaultDependencies=no\n[Service]\n${lines}\n`
const NAMES = ['agent', 'forks', 'claims', 'pidfile']
const UNITS = {
  'test.target': `[Unit]\nDefaultDependencies=no\nWants=${NAMES.map(name => `${name}.service`).join(' ')}\n`,
  'agent.service': service(`Type=simple\nExecStart=/bin/sh -c 'sleep 1001 & exec sleep 1000'`),
  'forks.service': service(`Type=forking\nExecStart=/bin/sh -c 'sleep 1002 & exit 0'`),
  // The child says that it is the main process, and systemd believes it.
  'claims.service': service(
    `Type=simple\nNotifyAccess=all\nExecStart=/bin/sh -c '(systemd-notify --pid=parent; exec sleep 1003) & exec sleep 1004'`,
  ),
  'pidfile.service': service(
    `Type=simple\nPIDFile=/run/agent.pid\nExecStart=/bin/sh -c 'sleep 1005 & echo $$! > /run/agent.pid; exec sleep 1006'`,
  ),
}

test('a real systemd says who the main process is', { skip: unlessSystemd() }, async () => {
  using systemd = await bootSystemd(UNITS)
  const pidOf = (seconds: number) => {
    for (;;) {
      const pid = systemd.read('pgrep', '-xf', `sleep ${seconds}`).trim()
      if (/^\d+$/.test(pid)) return pid
    }
  }
  using examiner = systemd.start(process.execPath, CHILD)
  assert.equal(await examiner.line(), 'ready')
  const finding = async (pid: string): Promise<Finding> => {
    examiner.say(pid)
    return JSON.parse(await examiner.line())
  }
  const selectors = (name: string) => [
    `systemd:id:${name}.service`,
    `systemd:fragment_path:/run/systemd/system/${name}.service`,
  ]
  assert.deepEqual(await finding(pidOf(1000)), { selectors: selectors('agent'), mainOf: 'systemd agent.service' })
  assert.deepEqual(await finding(pidOf(1001)), { selectors: selectors('agent'), mainOf: null })
  assert.deepEqual(await finding(pidOf(1002)), { selectors: selectors('forks'), mainOf: null })
  const [claims, main] = [pidOf(1003), pidOf(1004)]
  while (systemd.read('systemctl', 'show', '--property=MainPID', '--value', 'claims.service').trim() !== claims);
  for (const pid of [claims, main])
    assert.deepEqual(await finding(pid), { selectors: selectors('claims'), mainOf: null })
  for (const pid of [pidOf(1005), pidOf(1006)])
    assert.deepEqual(await finding(pid), { selectors: selectors('pidfile'), mainOf: null })
  assert.deepEqual(await finding('1'), { selectors: [], mainOf: null })
})
