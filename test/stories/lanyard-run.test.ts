import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { MAIN, openTheftStage, PUPPET, type Stage } from '../support/theft/stage.ts'

// `lanyard run` as a supervisor uses it, against a real daemon; the thefts are in stories of their own.

const UID = process.getuid?.() ?? 0
const linux = process.platform === 'linux'
const BIN = new URL('../../packages/cli/bin/lanyard.mjs', import.meta.url).pathname

let stage: Stage
let entry: string
let id: string

if (linux) {
  before(async () => {
    stage = await openTheftStage()
    const made = await stage.register('worker', { selectors: [`unix:uid:${UID}`], replicas: 20 })
    entry = made.entry
    id = made.id
  })
  after(() => stage?.close())
}

interface Run {
  readonly child: ChildProcess
  readonly out: Promise<string>
  readonly err: Promise<string>
  readonly ended: Promise<[number | null, NodeJS.Signals | null]>
}

function run(
  command: readonly string[],
  { options = ['--entry', entry], env = {}, stdin = '', by = MAIN, command: through = [] as string[] } = {},
): Run {
  const args = [by, 'run', ...options, '--admin-socket', stage.adminSocket, '--', ...command]
  const [file = '', ...rest] = [...through, process.execPath, ...args]
  const child = spawn(file, rest, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, ...env },
    cwd: stage.folder,
  })
  child.stdin.on('error', () => {})
  if (stdin !== '-') child.stdin.end(stdin)
  const ended = once(child, 'close') as Run['ended']
  return { child, out: text(child.stdout), err: text(child.stderr), ended }
}

/** What it ended with, and what it said. */
async function result({ out, err, ended }: Run) {
  const [exit] = await ended
  return { exit, out: await out, err: await err }
}

const check = (name: string, body: () => Promise<void>) => test(name, { skip: !linux && 'Linux alone' }, body)

check('exit code, input and output are those of the program', async () => {
  const { exit, out } = await result(run(['/bin/sh', '-c', 'cat; exit 7'], { stdin: 'hello' }))
  assert.deepEqual([exit, out], [7, 'hello'])
  const quiet = await result(run(['/bin/echo', 'said'], { options: ['--entry', id, '--json'] }))
  assert.deepEqual([quiet.exit, quiet.out], [0, 'said\n'])
})

check(
  'a program that a signal ends gives 128 and the signal; signals are passed on, through the launcher too',
  async () => {
    assert.equal((await result(run(['/bin/sh', '-c', 'kill -KILL $$']))).exit, 137)
    for (const by of [MAIN, BIN]) {
      const trap = 'trap "echo heard; exit 9" TERM; echo ready; while :; do sleep 0.02; done'
      const running = run(['/bin/sh', '-c', trap], { by })
      await once(running.child.stdout!, 'data')
      running.child.kill('SIGTERM')
      const { exit, out } = await result(running)
      assert.deepEqual([exit, out], [9, 'ready\nheard\n'], by)
    }
  },
)

check('the environment is allow-listed, and tells where the socket is', async () => {
  const env = { NODE_OPTIONS: '--no-warnings', SECRET: 'x', LANG: 'C', WANTED: '1' }
  const { out } = await result(run(['/usr/bin/env'], { options: ['--entry', entry, '--env', 'WANTED'], env }))
  const seen = Object.fromEntries(
    out
      .trim()
      .split('\n')
      .map(line => line.split(/=(.*)/s).slice(0, 2)),
  )
  assert.deepEqual([seen.NODE_OPTIONS, seen.SECRET, seen.LANG, seen.WANTED], [undefined, undefined, 'C', '1'])
  assert.equal(seen.SPIFFE_ENDPOINT_SOCKET, stage.endpoint)
})

check('under another user it has the groups of that user alone, and its home', async () => {
  if (UID !== 0) return
  const { entry: other } = await stage.register('other', { selectors: ['unix:uid:4098'] })
  const options = ['--entry', other, '--user', '4098:4097']
  const script = 'id -u; id -g; id -G; echo $HOME'
  const groups = { command: ['/usr/bin/setpriv', '--groups', '7,8'] }
  const { exit, out, err } = await result(run(['/bin/sh', '-c', script], { options, ...groups }))
  assert.equal(exit, 0, err)
  assert.equal(out, '4098\n4097\n4097\n/\n')
})

check('nothing of a program runs that the daemon does not take', async () => {
  const { exit, out, err } = await result(run(['/bin/echo', 'it ran'], { options: ['--entry', 'unknown', '--json'] }))
  assert.equal(exit, 1)
  assert.equal(JSON.parse(out).code, 'entry_unknown')
  assert.ok(!(out + err).includes('it ran'))
  const missing = await result(run(['no-such-program']))
  assert.equal(missing.exit, 2)
  assert.match(missing.err, /there is no program "no-such-program"/)
  const away = await result(run(['/bin/echo', 'it ran'], { options: ['--entry', entry, '--admin-socket', '/nowhere'] }))
  assert.equal(away.exit, 2)
})

check('nothing of a program runs that its entry can never match', async () => {
  const { entry: other } = await stage.register('elsewhere', { selectors: ['unix:uid:4099', 'unix:path:/bin/echo'] })
  const { exit, out } = await result(run(['/bin/echo', 'it ran'], { options: ['--entry', other, '--json'] }))
  const { code, detail } = JSON.parse(out)
  assert.deepEqual([exit, code], [1, 'no_identity'])
  assert.match(detail, /wants unix:uid:4099, and this program runs as uid/)
})

check('who serves the socket is judged before anything is told', async () => {
  const open = join(stage.folder, 'open')
  mkdirSync(open)
  chmodSync(open, 0o777)
  for (const [path, code] of [
    [join(stage.folder, 'none.sock'), 'daemon_unreachable'],
    [PUPPET, 'daemon_untrusted'],
  ] as const) {
    const args = [MAIN, 'run', '--entry', entry, '--json', '--admin-socket', path, '--', '/bin/true']
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] })
    assert.equal(JSON.parse(await text(child.stdout)).code, code)
  }
  const { createServer } = await import('node:net')
  const fake = createServer().listen(join(open, 'fake.sock'))
  await once(fake, 'listening')
  const args = [MAIN, 'daemon', 'status', '--json', '--admin-socket', join(open, 'fake.sock')]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  assert.equal(JSON.parse(await text(child.stdout)).code, 'daemon_untrusted')
  fake.close()
})

check('code that the user of the agent could change is warned of', async () => {
  const script = join(stage.folder, 'agent.sh')
  writeFileSync(script, '#!/bin/sh\nexit 0\n')
  chmodSync(script, 0o777)
  const { exit, err } = await result(run([script]))
  assert.equal(exit, 0, err)
  assert.match(err, /warning: it runs as uid \d+, the user who launches it/)
  if (UID !== 0) return
  const other = await result(run([script], { options: ['--entry', entry, '--user', '4099:4099'] }))
  assert.match(other.err, /warning: uid 4099 can change .*agent\.sh: /)
})

check('status and explain tell of a launched program, until it ends', async () => {
  const running = run(['/bin/sh', '-c', 'echo $$; read end'], { stdin: '-' })
  const pid = Number(String((await once(running.child.stdout!, 'data'))[0]))
  const ask = async (...args: readonly string[]) => {
    const child = spawn(process.execPath, [MAIN, ...args, '--admin-socket', stage.adminSocket, '--json'])
    return JSON.parse(await text(child.stdout))
  }
  const status = await ask('daemon', 'status')
  assert.ok(status.launches.some((one: { pid: number }) => one.pid === pid))
  assert.equal(status.workload_api, stage.endpoint)
  const explained = await ask('entry', 'explain', '--pid', String(pid))
  assert.equal(explained.launched_for, entry)
  assert.deepEqual(
    explained.verdicts.filter(({ given }: { given: boolean }) => given).map(({ entry }: { entry: string }) => entry),
    [entry],
  )
  const own = await ask('entry', 'explain', '--pid', String(process.pid))
  const ofOwn = own.verdicts.find((verdict: { entry: string }) => verdict.entry === entry)
  assert.equal(ofOwn.code, 'workload_is_descendant')
  running.child.stdin!.end('end\n')
  await running.ended
  assert.equal((await ask('entry', 'explain', '--pid', String(pid))).code, 'workload_gone')
})

check('a launched program stays the agent when the daemon is killed and starts again', async () => {
  const agent = await stage.play(run([process.execPath, PUPPET], { stdin: '-' }).child)
  assert.deepEqual((await agent.ask()).ids, [id])
  await stage.restartDaemon()
  assert.deepEqual((await agent.ask()).ids, [id])
  await agent.order({ do: 'spawn', as: 'shell' })
  assert.equal((await agent.ask({ to: ['shell'] })).code, 'workload_is_descendant')
  await agent.end()
})

check('a refused process is told to the authority', async () => {
  const agent = await stage.play(run([process.execPath, PUPPET], { stdin: '-' }).child)
  await agent.order({ do: 'spawn', as: 'shell' })
  assert.equal((await agent.ask({ to: ['shell'] })).code, 'workload_is_descendant')
  for (;;) {
    const { items } = await stage.api.call('GET', '/v1/events?type=workload.refused')
    if (items.length > 0) break
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  await agent.end()
})

check('who ends the supervisor ends the program', async () => {
  const running = run(['/bin/sh', '-c', 'echo $$; exec sleep 60'])
  const pid = Number(String((await once(running.child.stdout!, 'data'))[0]))
  running.child.kill('SIGTERM')
  assert.equal((await running.ended)[0], 143)
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
})
