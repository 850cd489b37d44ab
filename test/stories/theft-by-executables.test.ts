import assert from 'node:assert/strict'
import { chmodSync, chownSync, cpSync, linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { PUPPET, type Stage } from '../support/theft/stage.ts'
import { loot, thefts } from '../support/theft/theft.ts'

const NODE = process.execPath

let uids = 4050
interface Registered {
  readonly uid: number
  readonly id: string
  /** A folder that this uid can write. */
  readonly home: string
}

/** An entry for every process of a uid of its own that runs a program: in place of `PATH`, one in a folder of that uid. */
async function entryFor(stage: Stage, path = NODE, ...more: readonly string[]): Promise<Registered & { path: string }> {
  const uid = uids++
  const home = join(stage.folder, `home-${uid}`)
  mkdirSync(home)
  chownSync(home, uid, uid)
  const registered = path === 'PATH' ? join(home, 'tool') : path
  const selectors = [`unix:uid:${uid}`, `unix:path:${registered}`, ...more]
  const { id } = await stage.register(`tool-${uid}`, { selectors, children: true })
  return { uid, id, home, path: registered }
}

/** Both are the same file under another name: a copy would be large. */
const place = (from: string, to: string) => {
  rmSync(to, { force: true })
  try {
    linkSync(from, to)
  } catch {
    cpSync(from, to)
  }
}

const quoted = (words: readonly string[]) => words.map(word => `'${word}'`).join(' ')

thefts({
  'any process that matches': async stage => {
    const { uid, id } = await entryFor(stage)
    const shell = await stage.start(uid, {
      command: ['/bin/sh', '-c', `${quoted([NODE, PUPPET, '--anything'])}; true`],
    })
    return loot(await shell.ask(), id)
  },
  'loader of the registered program': async stage => {
    const { uid, id, home } = await entryFor(stage)
    const own = join(home, 'own.cjs')
    writeFileSync(own, 'globalThis.own = true')
    const thief = await stage.start(uid, { env: { NODE_OPTIONS: `--require=${own}` } })
    assert.equal(await thief.order({ do: 'call', code: 'return globalThis.own' }), true)
    return loot(await thief.ask(), id)
  },
  'connect, then exec the registered program': async stage => {
    const { uid, id } = await entryFor(stage)
    const thief = await stage.start(uid, { command: [await stage.otherNode(), PUPPET] })
    assert.equal((await thief.ask()).code, 'no_identity', 'it is another program')
    await thief.order({ do: 'connect', as: 'early' })
    const fd = await thief.order({ do: 'keep', what: 'early' })
    await thief.order({ do: 'exec', command: [NODE, PUPPET] })
    assert.equal((await thief.order({ do: 'hello' })).pid, thief.pid)
    return loot(await thief.ask({ fd }), id)
  },
  'name of the registered program': async stage => {
    const { uid, id } = await entryFor(stage)
    const named = `exec -a ${quoted([NODE, await stage.otherNode(), PUPPET])}`
    const thief = await stage.start(uid, { command: ['/bin/bash', '-c', named] })
    await thief.order({ do: 'call', code: `process.title = ${JSON.stringify(NODE)}` })
    return loot(await thief.ask(), id)
  },
  'symbolic link': async stage => {
    const { uid, id, path } = await entryFor(stage, 'PATH')
    symlinkSync(await stage.otherNode(), path)
    const thief = await stage.start(uid, { command: [path, PUPPET] })
    return loot(await thief.ask(), id)
  },
  'replaced program': async stage => {
    const { uid, id, path } = await entryFor(stage, 'PATH')
    place(NODE, path)
    place(await stage.otherNode(), path)
    const thief = await stage.start(uid, { command: [path, PUPPET] })
    return loot(await thief.ask(), id)
  },
  'replaced program with a hash': async stage => {
    const { uid, id, path } = await entryFor(stage, 'PATH', `unix:sha256:${await stage.hashOfNode()}`)
    place(NODE, path)
    const honest = await stage.start(uid, { command: [path, PUPPET] })
    assert.deepEqual((await honest.ask()).ids, [id], 'the registered program has it')
    place(await stage.otherNode(), path)
    const thief = await stage.start(uid, { command: [path, PUPPET] })
    return loot(await thief.ask(), id)
  },
  'deleted program': async stage => {
    const { uid, id, path } = await entryFor(stage, 'PATH')
    place(await stage.otherNode(), path)
    const thief = await stage.start(uid, { command: [path, PUPPET] })
    rmSync(path)
    return loot(await thief.ask(), id)
  },
  'deleted program with the right one in its place': async stage => {
    const { uid, id, path } = await entryFor(stage, 'PATH')
    place(await stage.otherNode(), path)
    const thief = await stage.start(uid, { command: [path, PUPPET] })
    place(NODE, path)
    return loot(await thief.ask(), id)
  },
  'bind mount': async stage => {
    const { uid, id } = await entryFor(stage)
    const other = await stage.otherNode()
    const inside = `/bin/mount --bind ${quoted([other, NODE])} && exec ${quoted([NODE, PUPPET])}`
    const own = ['/usr/bin/unshare', '--user', '--map-root-user', '--mount', '/bin/sh', '-c', inside]
    const allowed = await (await stage.start(uid)).order({ do: 'run', command: [...own.slice(0, 4), '/bin/true'] })
    // Where the machine gives nobody namespaces of users, root makes the mount, and the thief has it all the same.
    const drop = ['/usr/bin/setpriv', '--reuid', `${uid}`, '--regid', `${uid}`, '--clear-groups', NODE, PUPPET]
    const byRoot = `/bin/mount --bind ${quoted([other, NODE])} && exec ${quoted(drop)}`
    const thief =
      allowed.exit === 0
        ? await stage.start(uid, { command: own })
        : await stage.start(0, { command: ['/usr/bin/unshare', '--mount', '/bin/sh', '-c', byRoot] })
    assert.equal((await thief.order({ do: 'hello' })).exe, NODE, 'it sees itself as the registered program')
    return loot(await thief.ask(), id)
  },
  'root of a container': async stage => {
    const { uid, id } = await entryFor(stage)
    const root = join(stage.folder, `root-${uid}`)
    mkdirSync(root)
    chmodSync(root, 0o755)
    const inside = [
      `/bin/mount --rbind / ${root}`,
      `/bin/mount --bind ${quoted([await stage.otherNode()])} '${root}${NODE}'`,
      `exec /usr/sbin/chroot --userspec=${uid}:${uid} ${root} ${quoted([NODE, PUPPET])}`,
    ].join(' && ')
    const container = ['/usr/bin/unshare', '--mount', '--pid', '--fork', '/bin/sh', '-c', inside]
    const thief = await stage.start(0, { command: container })
    const { uid: is, exe } = await thief.order({ do: 'hello' })
    assert.deepEqual([is, exe], [uid, NODE], 'it sees itself as the registered program')
    return loot(await thief.ask(), id)
  },
})
