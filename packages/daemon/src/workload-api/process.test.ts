import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { test } from 'node:test'
import { SpiffeWorkloadAPI } from '../../gen/workload_pb.js'
import { processOfSocket } from '../peer/index.ts'
import { HEADER, until, world } from './world.suite.ts'

const { fetchX509SVID } = SpiffeWorkloadAPI.method
const linux = { skip: process.platform !== 'linux' }

/** Follows its identities; writes `data` when it got some, and the status at the end. */
const FOLLOWER = `
  const socket = require('node:net').connect(process.argv[1])
  const session = require('node:http2').connect('http://localhost', { createConnection: () => socket })
  const stream = session.request({
    ':method': 'POST', ':path': '/SpiffeWorkloadAPI/FetchX509SVID', 'content-type': 'application/grpc', 'workload.spiffe.io': 'true',
  })
  stream.once('data', () => console.log('data'))
  stream.once('trailers', trailers => console.log(trailers['grpc-status']))
  stream.end(Buffer.alloc(5))
`

const follower = (path: string) =>
  spawn(process.execPath, ['-e', FOLLOWER, path], { stdio: ['ignore', 'pipe', 'inherit'] })

test('each process gets what is its own: the kernel says which it is', linux, async t => {
  const { workloads, client, path } = await world(t, { processOf: processOfSocket })
  workloads.give(process.pid, { tenant: 'acme', agent: 'parent' })
  const { svids } = await client.call(fetchX509SVID, {}, HEADER).next()
  assert.equal(svids[0]!.spiffeId, 'spiffe://example.org/tenant/acme/agent/parent')
  const child = follower(path)
  t.after(() => child.kill('SIGKILL'))
  const [answer] = await once(child.stdout, 'data')
  assert.equal(String(answer), '7\n')
})

test('a process that is killed leaves nothing behind', linux, async t => {
  const { workloads, path, gauge } = await world(t, { processOf: processOfSocket })
  workloads.give('anyone', { tenant: 'acme', agent: 'invoice-bot' })
  const child = follower(path)
  const [answer] = await once(child.stdout, 'data')
  assert.equal(String(answer), 'data\n')
  assert.deepEqual([workloads.followers, gauge('connections')], [1, 2])
  child.kill('SIGKILL')
  await once(child, 'exit')
  await until(() => workloads.followers === 0 && gauge('connections') === 1 && gauge('subscribers') === 0)
})
