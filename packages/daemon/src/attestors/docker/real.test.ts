import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { processOfPid } from '../../peer/index.ts'
import { unixAttestor } from '../unix/index.ts'
import { dockerAttestor } from './index.ts'
import { docker, importImage, realEngine } from './testing/real.ts'

const socket = realEngine()

/** The process of `sleep N`. */
function pidOf(seconds: number): number {
  for (;;) {
    const found = spawnSync('pgrep', ['-xf', `sleep ${seconds}`])
      .stdout.toString()
      .trim()
    if (/^\d+$/.test(found)) return Number(found)
  }
}

async function findingOf(seconds: number) {
  const held = processOfPid(pidOf(seconds))
  try {
    const { selectors } = await unixAttestor().examine(held)
    const ofFile = selectors.filter(one => /^unix:(path|sha256):/.test(one))
    return { ...(await dockerAttestor({ socket }).examine(held)), ofFile }
  } finally {
    held.release()
  }
}

// Beside the tests with an engine of our own making, where root has a real one.
const check = socket ? test : () => {}

check('a real engine says what its containers are', async (t: TestContext) => {
  const image = importImage()
  const undo = [['image', 'rm', '--force', image]]
  t.after(() => undo.map(args => docker(args)))
  const seconds = randomInt(1e6, 1e9)
  const script = `sleep ${seconds + 1} & exec sleep ${seconds}`
  const options = ['--network', 'none', '--label', 'app=invoice', '--label', 'a:b=c', '--env', 'TOKEN=secret']
  const id = docker(['run', '--detach', ...options, image, '/bin/sh', '-c', script])
  undo.unshift(['rm', '--force', id])
  docker(['exec', '--detach', id, 'sleep', String(seconds + 2)])
  const selectors = ['docker:label:app:invoice', 'docker:env:TOKEN', `docker:image_id:${image}`]
  // Its file is not where the daemon looks for it.
  const another = { selectors, mainOf: null, ofFile: [] }
  assert.deepEqual(await findingOf(seconds), { ...another, mainOf: `docker ${id}` })
  assert.deepEqual(await findingOf(seconds + 1), another)
  assert.deepEqual(await findingOf(seconds + 2), another)
})
