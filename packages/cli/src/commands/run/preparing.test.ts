import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { after, test } from 'node:test'
import { Misuse } from '../../problem.ts'
import { changeableBy } from './changeable.ts'
import { environmentOf } from './environment.ts'
import { findProgram } from './program.ts'
import { findUser } from './user.ts'

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'lanyard-run-')))
chmodSync(folder, 0o755)
after(() => rmSync(folder, { recursive: true }))

function put(name: string, content = '', mode = 0o755): string {
  const path = join(folder, name)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, content)
  chmodSync(path, mode)
  return path
}

test('the environment is what is allowed, and what was asked for', () => {
  const own = {
    PATH: '/bin',
    HOME: '/root',
    LANG: 'C',
    LC_TIME: 'C',
    TZ: 'UTC',
    TERM: 'dumb',
    NODE_OPTIONS: '--require /tmp/x.js',
    LD_PRELOAD: '/tmp/x.so',
    AWS_SECRET_ACCESS_KEY: 'x',
    'BASH_FUNC_exec%%': '() { evil; }',
    HTTPS_PROXY: 'http://proxy.example',
  }
  const always = { SPIFFE_ENDPOINT_SOCKET: 'unix:///s', HOME: '/home/agent' }
  assert.deepEqual(environmentOf(own, ['HTTPS_PROXY', 'MODE=a=b', 'ABSENT', 'EMPTY='], always), {
    PATH: '/bin',
    HOME: '/home/agent',
    LANG: 'C',
    LC_TIME: 'C',
    TZ: 'UTC',
    TERM: 'dumb',
    SPIFFE_ENDPOINT_SOCKET: 'unix:///s',
    HTTPS_PROXY: 'http://proxy.example',
    MODE: 'a=b',
    EMPTY: '',
  })
})

for (const name of [
  'NODE_OPTIONS',
  'LD_PRELOAD',
  'LD_LIBRARY_PATH',
  'LD_AUDIT=/x',
  'BASH_ENV',
  'ENV=/x',
  '',
  'a-b',
  '=x',
])
  test(`never passed: ${JSON.stringify(name)}`, () => assert.throws(() => environmentOf({}, [name], {}), Misuse))

test('a program is found in absolute folders of PATH alone, and Node.js gets no inspector', () => {
  const node = put('bin/node')
  put('bin/plain')
  put('bin/data', '', 0o644)
  const script = put('app/agent.js', '', 0o644)
  const path = `relative::${folder}/bin`
  assert.deepEqual(findProgram(['node', 'agent.js', '--flag'], `${folder}/app`, path), {
    path: node,
    args: ['--disable-sigusr1', 'agent.js', '--flag'],
    code: [node, script],
    warnings: [],
  })
  assert.deepEqual(findProgram(['node', '--disable-sigusr1'], folder, path).args, ['--disable-sigusr1'])
  assert.deepEqual(findProgram(['../bin/plain', '-x'], `${folder}/app`, ''), {
    path: join(folder, 'bin/plain'),
    args: ['-x'],
    code: [join(folder, 'bin/plain')],
    warnings: [],
  })
  symlinkSync(node, join(folder, 'bin/other-name'))
  assert.deepEqual(findProgram(['other-name'], folder, path).args, ['--disable-sigusr1'])
  for (const missing of ['missing', 'data', './bin', ''])
    assert.throws(() => findProgram([missing], folder, path), Misuse)
})

test('a script that starts Node.js itself is warned of', () => {
  put('script', '#!/usr/bin/env node\n')
  const { warnings, code } = findProgram(['./script'], folder, '')
  assert.match(warnings[0]!, /kill -USR1/)
  assert.deepEqual(code, [join(folder, 'script'), '/usr/bin/env'])
  assert.deepEqual(findProgram(['/bin/sh'], folder, '').warnings, [])
})

test('what a user can change is found, on the way through folders and links too', () => {
  const [uid, gid] = [process.getuid!(), process.getgid!()]
  const stranger = { uid: 65_534, gid: 65_534 }
  const closed = put('closed/agent.js', '', 0o644)
  assert.deepEqual(changeableBy(stranger, [closed]), [])
  if (uid !== 0) assert.ok(changeableBy({ uid, gid }, [closed]).includes(closed), 'the owner can always')
  assert.deepEqual(changeableBy({ uid: 0, gid: 0 }, [put('all', '', 0o777)]), [])

  assert.deepEqual(changeableBy(stranger, [put('open.js', '', 0o666)]), [join(folder, 'open.js')])
  assert.deepEqual(changeableBy({ uid: 65_534, gid }, [put('group.js', '', 0o664)]), [join(folder, 'group.js')])
  const inOpen = put('open/agent.js', '', 0o644)
  chmodSync(join(folder, 'open'), 0o777)
  assert.deepEqual(changeableBy(stranger, [inOpen]), [join(folder, 'open')])
  chmodSync(join(folder, 'open'), 0o1777)
  assert.deepEqual(changeableBy(stranger, [inOpen]), [])

  const behind = put('behind/agent.js', '', 0o666)
  symlinkSync(behind, join(folder, 'link.js'))
  symlinkSync(join(folder, 'behind'), join(folder, 'linked'))
  assert.deepEqual(changeableBy(stranger, [join(folder, 'link.js')]), [behind])
  assert.deepEqual(changeableBy(stranger, [join(folder, 'linked/agent.js')]), [join(folder, 'linked/agent.js'), behind])
  symlinkSync('loop', join(folder, 'loop'))
  assert.deepEqual(changeableBy(stranger, [join(folder, 'loop')]), [])
})

test('users by name, by number, and by numbers that no file knows', () => {
  assert.equal(findUser('root').uid, 0)
  assert.equal(findUser('0').name, 'root')
  assert.deepEqual(findUser('4001:4002'), { uid: 4001, gid: 4002, home: '/', name: null })
  assert.equal(findUser('0:7').gid, 7)
  for (const written of ['no-such-user', '4001234', '-1', '1:', '', 'root:root'])
    assert.throws(() => findUser(written), Misuse, written)
})
