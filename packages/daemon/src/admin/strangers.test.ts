import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { test } from 'node:test'
import { processOfSocket } from '../peer/index.ts'
import type { AdminParts } from './routes.ts'
import { startAdmin } from './serve.ts'

const STRANGER = 4003
/** Opens as many connections at a time as it is told, again and again. */
const KNOCKS = `
  const { connect } = require('node:net')
  let left = 2000
  const knock = () => {
    if (left-- <= 0) return
    const socket = connect(process.argv[1])
    socket.on('error', () => {})
    socket.on('close', knock)
  }
  for (let n = 0; n < 300; n++) knock()`

// Users of their own can be had by root alone.
const skip = process.getuid?.() !== 0 && 'not root'

test('strangers who knock without end take nobody’s place, and fill no log', { skip }, async t => {
  const folder = mkdtempSync(join(tmpdir(), 'lanyard-door-'))
  chmodSync(folder, 0o755)
  t.after(() => rmSync(folder, { recursive: true }))
  const warnings: object[] = []
  const log = { debug() {}, info() {}, warn: (fields: object) => warnings.push(fields), error() {} }
  const path = join(folder, 's')
  const parts = { metrics: () => 'up 1\n' } as AdminParts
  const admin = await startAdmin({ path, launchers: [4004], peerOf: processOfSocket, log }, parts)
  t.after(() => admin.close())
  const stranger = spawn(process.execPath, ['-e', KNOCKS, path], { uid: STRANGER, gid: STRANGER, stdio: 'ignore' })
  const ended = once(stranger, 'exit')
  let over = false
  void ended.then(() => (over = true))
  let asked = 0
  while (!over || asked < 10) {
    assert.equal(await metrics(path), 200)
    asked++
  }
  assert.ok(warnings.length > 0 && warnings.length < 50, `got ${warnings.length} lines`)
  assert.deepEqual(warnings[0], { code: 'launch_forbidden', uid: STRANGER })
})

function metrics(socketPath: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path: '/metrics', agent: false }, answer => {
      answer.resume().on('end', () => resolve(answer.statusCode))
    })
    call.on('error', reject).end()
  })
}
