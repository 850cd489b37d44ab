import { readFileSync } from 'node:fs'
import process from 'node:process'
import { programOf } from '../../../packages/server/src/testing/programs.ts'
import { proxySuite } from './proxy.suite.ts'
import { ProxyStage, snippets } from './stage.ts'

interface Account {
  readonly name: string
  readonly gid: number
}

/** The account of nginx's workers, which its package has made; null where this process may choose none. */
function workers(): Account | null {
  if (process.getuid?.() !== 0) return null
  const accounts = readFileSync('/etc/passwd', 'utf8').split('\n')
  const line = accounts.find(account => /^(www-data|nginx):/.test(account))
  if (line === undefined) return null
  const [name, , , gid] = line.split(':')
  return { name: name!, gid: Number(gid) }
}

/** nginx with one `server` of the guide. */
async function startNginx(settings: string, server: string): Promise<ProxyStage> {
  const account = workers()
  const stage = await ProxyStage.open(settings, account?.gid)
  const { folder } = stage
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  const lines = [
    ...(process.getuid?.() === 0 ? [`user ${account?.name ?? 'root'};`] : []),
    `pid ${folder}/nginx.pid;`,
    `error_log ${folder}/error.log;`,
    'events {}',
    'http {',
    'access_log off;',
    ...kinds.map(kind => `${kind}_temp_path ${folder}/${kind};`),
    stage.adapted(server),
    '}',
  ]
  const config = stage.write('nginx.conf', lines.join('\n'))
  await stage.run(programOf('nginx'), ['-c', config, '-e', `${folder}/error.log`, '-g', 'daemon off;'])
  return stage
}

const inGuide = (heading: string) => ({
  settings: snippets(heading, 'yaml')[0]!,
  lines: snippets(heading, 'nginx')[0]!,
})
const local = inGuide('### nginx on the same machine')
const remote = inGuide('### nginx on another machine')

proxySuite({
  name: 'nginx, by a Unix socket',
  format: 'nginx',
  byOwn: false,
  start: () => startNginx(local.settings, local.lines),
})

proxySuite({
  name: 'nginx, by its own SVID',
  format: 'nginx',
  byOwn: true,
  start: () => startNginx(remote.settings, local.lines.replace(/^ *proxy_pass .*\n/m, remote.lines)),
})
