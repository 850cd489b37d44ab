import { spawnSync } from 'node:child_process'
import {
  accessSync,
  constants,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Child, IS_ROOT, start } from '../../../peer/testing/peers.ts'

const SYSTEMD = '/usr/lib/systemd/systemd'
const NAMESPACES = '-pmuinC'

/** In a container they are there to be read alone. */
function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Where control groups of version 2 are; undefined: nowhere. */
function unifiedRoot(): string | undefined {
  return ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'].find(
    path => existsSync(join(path, 'cgroup.subtree_control')) && isWritable(join(path, 'cgroup.procs')),
  )
}

/** Why systemd cannot be booted in namespaces of its own here; false: it can. */
export function unlessSystemd(): string | false {
  if (!IS_ROOT || !existsSync(SYSTEMD) || !unifiedRoot()) return 'needs root, systemd and control groups of version 2'
  const allowed = spawnSync('unshare', [
    `-f${NAMESPACES.slice(1)}`,
    '--mount-proc',
    'mount',
    '-t',
    'tmpfs',
    'none',
    '/run',
  ])
  return allowed.status === 0 ? false : 'needs namespaces'
}

/** Nothing outside is touched: its own mounts, processes, names, network and branch of control groups. */
const BOOT = `set -e
  echo $$ > "$1/cgroup.procs"
  exec setpriv --pdeathsig KILL unshare -f${NAMESPACES.slice(1)} --kill-child --mount-proc sh -c '
    set -e
    mount --make-rprivate /
    mount -t tmpfs none /run
    mkdir -p /run/systemd/system
    cp "$0"/* /run/systemd/system/
    umount -R /sys/fs/cgroup
    mount -t cgroup2 none /sys/fs/cgroup
    echo 0123456789abcdef0123456789abcdef > /run/machine-id
    mount --bind /run/machine-id /etc/machine-id
    exec env -i container=test PATH=/usr/bin:/bin ${SYSTEMD} --system --unit=test.target --show-status=no --log-target=null
  ' "$0"`

export interface BootedSystemd extends Disposable {
  /** Runs a program in its namespaces. */
  start(program: string, ...args: string[]): Child
  /** What a program there writes. */
  read(program: string, ...args: string[]): string
}

/** The first process of its namespaces, as we number it. */
function firstOf(parent: number): number | undefined {
  const child = Number(readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim() || Number.NaN)
  return Number.isNaN(child) || readFileSync(`/proc/${child}/comm`, 'utf8') !== 'systemd\n' ? undefined : child
}

/** Boots systemd with these units, by name, in namespaces of its own. */
export async function bootSystemd(units: Readonly<Record<string, string>>): Promise<BootedSystemd> {
  const folder = mkdtempSync(join(tmpdir(), 'boot-'))
  const groups = join(unifiedRoot()!, folder.slice(folder.lastIndexOf('/') + 1))
  mkdirSync(groups)
  for (const [name, text] of Object.entries(units)) writeFileSync(join(folder, name), text)
  const outside = start('sh', ['-c', BOOT, folder, groups])
  let first: number | undefined
  while (first === undefined) {
    if (outside.child.exitCode !== null) throw new Error('systemd did not boot')
    await new Promise(resolve => setImmediate(resolve))
    first = firstOf(outside.pid)
  }
  const within = (program: string, args: readonly string[]) => [
    '-t',
    String(first),
    ...NAMESPACES.slice(1)
      .split('')
      .map(kind => `-${kind}`),
    program,
    ...args,
  ]
  return {
    start: (program, ...args) => start('nsenter', within(program, args)),
    read: (program, ...args) => spawnSync('nsenter', within(program, args), { encoding: 'utf8' }).stdout,
    [Symbol.dispose]() {
      outside[Symbol.dispose]()
      // A group can be removed when the last process of it has been.
      const all = globSync(`${groups}/**/`)
        .concat(groups)
        .toSorted((a, b) => b.length - a.length)
      for (let tries = 0; existsSync(groups) && tries < 10_000; tries++) for (const group of all) remove(group)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function remove(group: string): void {
  try {
    rmdirSync(group)
  } catch {}
}
