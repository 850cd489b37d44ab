import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { test } from 'node:test'
import { LanyardError } from '@lanyard/api'
import { processOfPid, processOfSocket } from './index.ts'
import { statOf } from './proc.ts'
import { CONNECTS, descriptors, listen, start, startNode, UNLESS_ROOT } from './testing/peers.ts'

const refuses = (code: string) => (error: unknown) => error instanceof LanyardError && error.code === code
const ended = (process: { onEnd(then: () => void): unknown }) => new Promise<void>(then => process.onEnd(then))

test('the process that connected is known by number, user, group and start, and its end is told', async () => {
  await using listener = await listen()
  using child = startNode(CONNECTS, [listener.path])
  const held = processOfSocket(await listener.next())
  assert.equal(held.pid, child.pid)
  assert.deepEqual([held.uid, held.gid], [process.getuid!(), process.getgid!()])
  assert.equal(held.startTime, statOf(child.pid)!.startTime)
  assert.equal(held.isAlive(), true)
  const end = ended(held)
  child.child.kill('SIGKILL')
  await end
  assert.equal(held.isAlive(), false)
  held.release()
  held.release()
})

test('a connection that was handed on is of who made it, and ends with it', async () => {
  await using listener = await listen()
  // The shell's child keeps the connection; Node itself, which made it, exits.
  using child = startNode(
    `const socket = connect(args[0], () => {
      require('node:child_process').spawn('sleep', ['60'], { stdio: [socket, 'ignore', 'ignore'] })
      lines(() => process.exit(0))
    })`,
    [listener.path],
  )
  const socket = await listener.next()
  const held = processOfSocket(socket)
  assert.equal(held.pid, child.pid)
  const end = ended(held)
  child.say('go')
  await end
  assert.equal(socket.destroyed, false)
  assert.throws(() => processOfSocket(socket), refuses('workload_gone'))
  held.release()
})

test('who has gone before we look is gone', async () => {
  await using listener = await listen()
  using child = startNode(`connect(args[0], () => process.exit(0))`, [listener.path])
  const socket = await listener.next()
  await child.exited
  const before = descriptors()
  assert.throws(() => processOfSocket(socket), refuses('workload_gone'))
  assert.equal(descriptors(), before)
})

test('a process that has ended and was not waited for is gone', async () => {
  await using listener = await listen()
  // `sleep` takes the place of the shell, and never waits for the child that it inherits.
  const code = `require('net').connect(process.argv[1], () => process.stdin.once('data', () => process.exit(0)))`
  using child = start('sh', [
    '-c',
    `exec 3<&0; "$0" -e "$1" "$2" <&3 & exec sleep 60`,
    process.execPath,
    code,
    listener.path,
  ])
  const held = processOfSocket(await listener.next())
  assert.notEqual(held.pid, child.pid)
  assert.equal(statOf(held.pid)!.parent, child.pid)
  const end = ended(held)
  child.say('go')
  await end
  assert.equal(statOf(held.pid)!.state, 'Z')
  assert.equal(held.isAlive(), false)
  assert.throws(() => processOfPid(held.pid), refuses('workload_gone'))
  held.release()
})

test('a process that becomes another user is gone for good', { skip: UNLESS_ROOT }, async () => {
  await using listener = await listen()
  using child = startNode(`connect(args[0]); lines(line => { process.seteuid(Number(line)); console.log('done') })`, [
    listener.path,
  ])
  const held = processOfSocket(await listener.next())
  assert.equal(held.isAlive(), true)
  child.say('12345')
  await child.line()
  assert.equal(held.isAlive(), false)
  child.say('0')
  await child.line()
  assert.equal(held.isAlive(), false)
  held.release()
})

test('execution of another program keeps the process', async () => {
  await using listener = await listen()
  using child = startNode(
    `connect(args[0], () => lines(() => process.execve('/bin/sh', ['sh', '-c', 'echo new; exec sleep 60']) ))`,
    [listener.path],
  )
  const held = processOfSocket(await listener.next())
  child.say('go')
  assert.equal(await child.line(), 'new')
  assert.equal(held.isAlive(), true)
  held.release()
})

test('a connection that has closed tells nobody', async () => {
  await using listener = await listen()
  const client = connect(listener.path)
  const socket = await listener.next()
  socket.destroy()
  assert.throws(() => processOfSocket(socket), refuses('workload_gone'))
  client.destroy()
})

test('a TCP connection tells nobody', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  const accepted = new Promise<import('node:net').Socket>(resolve => server.on('connection', resolve))
  await new Promise(resolve => server.on('listening', resolve))
  const client = connect((server.address() as { port: number }).port, '127.0.0.1')
  const socket = await accepted
  assert.throws(() => processOfSocket(socket), refuses('workload_gone'))
  client.destroy()
  server.close()
})

test('a thousand connections leave no descriptor behind', async () => {
  await using listener = await listen()
  const before = descriptors()
  for (let i = 0; i < 1000; i++) {
    const client = connect(listener.path)
    const socket = await listener.next()
    const held = processOfSocket(socket)
    assert.equal(held.pid, process.pid)
    held.onEnd(() => assert.fail('we live'))
    held.release()
    const closed = new Promise(resolve => socket.on('close', resolve))
    client.destroy()
    socket.destroy()
    await closed
  }
  assert.ok(descriptors() <= before + 1, `${before} descriptors before, ${descriptors()} after`)
})

test('numbers that are none are refused', () => {
  for (const pid of [0, -1, 1.5, Number.NaN, 2 ** 31, 2 ** 53])
    assert.throws(() => processOfPid(pid), refuses('workload_gone'), String(pid))
  const highest = Number(readFileSync('/proc/sys/kernel/pid_max', 'utf8'))
  assert.throws(() => processOfPid(highest), refuses('workload_gone'))
})

test('listeners of an end are called once each, and not when they were taken back', async () => {
  using child = start('sleep', ['60'])
  const held = processOfPid(child.pid)
  const heard: string[] = []
  const both = () => heard.push('both')
  held.onEnd(both)
  held.onEnd(both)
  held.onEnd(() => heard.push('never'))()
  const end = ended(held)
  child.child.kill('SIGKILL')
  await end
  await ended(held)
  assert.deepEqual(heard, ['both', 'both'])
  held.release()
  held.onEnd(() => heard.push('after release'))
  await Promise.resolve()
  assert.deepEqual(heard, ['both', 'both'])
})
