import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { lanyard } from '../../testing/fake-io.ts'

const folder = mkdtempSync(join(tmpdir(), 'lanyard-explain-'))
const socket = join(folder, 'admin.sock')

const verdict = (i: number, missing: readonly string[], given = false) => ({
  entry: `e${i}`,
  spiffe_id: `spiffe://example.org/a${i}`,
  given,
  code: given ? null : missing.length > 0 ? 'no_identity' : 'workload_is_descendant',
  missing,
  detail: null,
})
const EXPLAINED = {
  pid: 7,
  uid: 1001,
  gid: 1001,
  selectors: ['unix:uid:1001', 'unix:path:/tmp/\u001b[2J'],
  main_of: [],
  launched_for: 'e1',
  node: null,
  verdicts: [
    verdict(1, [], true),
    ...Array.from({ length: 30 }, (_, i) => verdict(i + 2, ['unix:uid:9', 'unix:gid:9'])),
    verdict(40, ['unix:sha256:00']),
    verdict(41, []),
  ],
}

/** What was killed, and a node that was banned. */
const KILLED = { ...verdict(1, []), code: 'agent_quarantined', detail: 'it was taken away' }
const BANNED = { ...EXPLAINED, node: { code: 'node_banned', detail: 'node n1 is banned' }, verdicts: [] }
const replies: object[] = []
let gone: object | null = null

const server = createServer((request, response) => {
  request.resume()
  const refused = request.url === '/status'
  response.writeHead(refused ? 503 : gone ? 403 : 200, { 'content-type': 'application/json' })
  response.end(
    JSON.stringify(refused ? { code: 'not_ready', title: 'Not ready' } : (gone ?? replies.shift() ?? EXPLAINED)),
  )
}).listen(socket)
await once(server, 'listening')
chmodSync(folder, 0o700)
after(() => {
  server.close()
  rmSync(folder, { recursive: true })
})

test('says what the process gets, then what it nearly gets, and no more than a person reads', async () => {
  const { exit, out } = await lanyard(['entry', 'explain', '--pid', '7', '--admin-socket', socket])
  assert.equal(exit, 0)
  const lines = out.trim().split('\n')
  assert.equal(lines[0], 'process 7 uid 1001, gid 1001')
  assert.match(lines[1]!, /lanyard run, for entry e1/)
  assert.equal(lines[3], '  selector unix:path:/tmp/\\u001b[2J')
  assert.equal(lines[4], 'gets spiffe://example.org/a1 entry e1')
  assert.equal(lines[5], 'not  spiffe://example.org/a41 entry e41 workload_is_descendant')
  assert.equal(lines[6], 'not  spiffe://example.org/a40 entry e40 no_identity: it lacks unix:sha256:00')
  assert.equal(lines.at(-1), 'and 13 further from it: --json shows all')
  assert.equal(lines.length, 25)
})

test('says what the authority says of an entry that matches, and of the node', async () => {
  replies.push({ ...EXPLAINED, verdicts: [KILLED] }, BANNED)
  const last = async () =>
    (await lanyard(['entry', 'explain', '--pid', '7', '--admin-socket', socket])).out.trim().split('\n').at(-1)
  assert.equal(await last(), 'not  spiffe://example.org/a1 entry e1 agent_quarantined: it was taken away')
  assert.equal(await last(), 'this node gives nobody an identity: node_banned: node n1 is banned')
})

test('of a process that has ended it is told what to give instead', async () => {
  gone = { code: 'workload_gone', title: 'Gone', detail: 'process 7 has ended', remedy: 'Ask again.' }
  const { out } = await lanyard(['entry', 'explain', '--pid', '7', '--json', '--admin-socket', socket])
  gone = null
  assert.match(JSON.parse(out).remedy, /process that runs/)
})

test('for a program it is the reply, whole; a refusal has the code of the daemon', async () => {
  const ask = (...words: readonly string[]) => lanyard([...words, '--json'], { env: { LANYARD_ADMIN_SOCKET: socket } })
  assert.deepEqual(JSON.parse((await ask('entry', 'explain', '--pid', '7')).out), EXPLAINED)
  const refused = await ask('daemon', 'status')
  assert.deepEqual([refused.exit, JSON.parse(refused.out).code], [3, 'not_ready'])
})
