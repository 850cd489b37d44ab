import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { test } from 'node:test'

const LAUNCHER = new URL('../../packages/cli/bin/lanyard.mjs', import.meta.url).pathname

test('whoever kills the launcher can start again on the same folder at once', async () => {
  const data = join(mkdtempSync(join(tmpdir(), 'lanyard-launcher-')), 'data')
  for (let round = 0; round < 2; round++) {
    const args = [LAUNCHER, 'up', '--json', '--data', data, '--listen', '127.0.0.1:0']
    const launcher = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] })
    const [line] = await once(createInterface(launcher.stdout), 'line')
    assert.equal(JSON.parse(line).event, 'ready')
    // The pipe closes when the last process that holds it has ended.
    const ended = once(launcher.stdout, 'close')
    launcher.kill('SIGKILL')
    await ended
  }
  rmSync(data, { recursive: true })
})
