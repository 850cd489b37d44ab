import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { openPidfd } from './native.ts'
import { openStatus, statOf } from './proc.ts'
import { Held } from './process.ts'
import { descriptors, start, UNLESS_ROOT } from './testing/peers.ts'

const own = { uid: process.getuid!(), gid: process.getgid!() }

function factsOf(pid: number, pidfd: number | null) {
  return { pid, ...own, startTime: statOf(pid)!.startTime, status: openStatus(pid)!, pidfd }
}

function pidfdOf(pid: number): number {
  const answer = openPidfd(pid)
  assert.ok(answer.ok)
  return answer.value
}

test('on a kernel without descriptors of processes its file in /proc tells who lives, and the end is told all the same', async () => {
  using child = start('sleep', ['60'])
  const held = new Held(factsOf(child.pid, null))
  assert.equal(held.isAlive(), true)
  const end = new Promise<void>(resolve => held.onEnd(resolve))
  child.child.kill('SIGKILL')
  await end
  assert.equal(held.isAlive(), false)
})

test('a process of another user or group is another process', () => {
  using child = start('sleep', ['60'])
  for (const other of [{ uid: own.uid + 1 }, { gid: own.gid + 1 }]) {
    for (const pidfd of [null, pidfdOf(child.pid)]) {
      const held = new Held({ ...factsOf(child.pid, pidfd), ...other })
      assert.equal(held.isAlive(), false)
      held.release()
    }
  }
})

test('who has ended gives its descriptor back, released or not', async () => {
  using child = start('sleep', ['60'])
  const before = descriptors()
  const held = new Held(factsOf(child.pid, pidfdOf(child.pid)))
  assert.equal(descriptors(), before + 2)
  child.child.kill('SIGKILL')
  await new Promise<void>(resolve => held.onEnd(resolve))
  assert.ok(descriptors() <= before)
})

/** Makes the kernel give this number to the next process: proc_sys_kernel(5), `ns_last_pid`. Null: another one has it. */
function startAs(pid: number) {
  for (let tries = 0; tries < 40; tries++) {
    writeFileSync('/proc/sys/kernel/ns_last_pid', String(pid - 1))
    const child = start('sleep', ['60'])
    if (child.pid === pid) return child
    child[Symbol.dispose]()
  }
  return null
}

/** Processes that are held, and have ended, and another one with their number. */
async function replaced() {
  // Another process of this machine, or a thread of one, may take the number first and keep it.
  for (let tries = 0; tries < 20; tries++) {
    // Ended here, and not by `using`: that would hit whoever has its number then.
    const first = start('sleep', ['60'])
    const held = [new Held(factsOf(first.pid, pidfdOf(first.pid))), new Held(factsOf(first.pid, null))]
    first.child.kill('SIGKILL')
    await first.exited
    const second = startAs(first.pid)
    if (second !== null) return { held, second }
    for (const one of held) one.release()
  }
  throw new Error('the kernel gave no number again')
}

test('a number that is used again is not the process that had it', { skip: UNLESS_ROOT }, async () => {
  const { held, second: child } = await replaced()
  using second = child
  assert.match(readFileSync(`/proc/${second.pid}/comm`, 'utf8'), /sleep|node/)
  for (const one of held) {
    assert.equal(one.isAlive(), false)
    one.release()
  }
})

test('many ends are seen in one look', async () => {
  const children = Array.from({ length: 20 }, () => start('sleep', ['60']))
  const all = children.map(({ pid }) => new Held(factsOf(pid, pidfdOf(pid))))
  const ends = all.map(one => new Promise<void>(resolve => one.onEnd(resolve)))
  for (const child of children) child[Symbol.dispose]()
  await Promise.all(ends)
  for (const one of all) assert.equal(one.isAlive(), false)
})
