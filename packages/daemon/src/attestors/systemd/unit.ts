import type { Cgroup } from '../cgroup.ts'

/** A service of the system's manager, as a control group says. */
export interface UnitCgroup {
  /** `invoice.service`. */
  readonly unit: string
  /** Control group of the unit itself: `/system.slice/invoice.service`. */
  readonly root: string
  /** That of the process: the same, or one beneath it. */
  readonly path: string
}

// systemd.unit(5): what names may hold; no `*`, which `systemctl show` would take for a pattern.
const SERVICE = /^[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]*\.service$/

/** Version 2 where systemd uses it, else the tree that it has for itself. */
function ownTree(cgroups: readonly Cgroup[]): string | undefined {
  const unified = cgroups.find(({ hierarchy, path }) => hierarchy === '' && path !== '/')
  return (unified ?? cgroups.find(({ hierarchy }) => hierarchy === 'name=systemd'))?.path
}

/**
 * The service that a process belongs to: the *first* part of the path that is no slice. What follows may be anybody's choice: a
 * user owns the groups under `user@1000.service` and may call one of them `invoice.service`. Null: it belongs to none.
 */
export function unitOf(cgroups: readonly Cgroup[]): UnitCgroup | null {
  const path = ownTree(cgroups)
  if (path === undefined) return null
  const parts = path.split('/').slice(1)
  const at = parts.findIndex(part => !part.endsWith('.slice'))
  // cg_escape of systemd: a name that the kernel might take for its own file has a `_` before it.
  const unit = parts[at]?.replace(/^_/, '')
  if (unit === undefined || unit.length > 255 || !SERVICE.test(unit)) return null
  return { unit, root: `/${parts.slice(0, at + 1).join('/')}`, path }
}

/** What the manager says of a unit: properties by name. */
export type UnitProperties = ReadonlyMap<string, string>

export const PROPERTIES = [
  'Id',
  'LoadState',
  'ControlGroup',
  'MainPID',
  'Type',
  'PIDFile',
  'NotifyAccess',
  'FragmentPath',
] as const

/** Reads what `systemctl show` writes: a line `Name=value` each. */
export function parseProperties(text: string): UnitProperties {
  const lines = text.split('\n').filter(line => line.includes('='))
  return new Map(lines.map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
}

/** Where systemd itself started the main process, so that it knows its number from fork(2). */
const STARTED_BY_SYSTEMD = new Set(['simple', 'exec', 'notify', 'notify-reload', 'dbus', 'oneshot', 'idle'])

/** Where nobody but the main process may say who is the main process: sd_notify(3), `MAINPID=`. */
const SAID_BY_MAIN_ALONE = new Set(['none', 'main'])

/**
 * The number of the main process; null: there is none, or a process of the service could have named itself: by a PID file
 * (`Type=forking`), or because every process may notify (`NotifyAccess=all`). A user's manager is no workload.
 */
export function mainPidOf(properties: UnitProperties): number | null {
  const pid = Number(properties.get('MainPID') || Number.NaN)
  if (!Number.isSafeInteger(pid) || pid <= 0) return null
  if (!STARTED_BY_SYSTEMD.has(properties.get('Type') ?? '') || properties.get('PIDFile') !== '') return null
  if (!SAID_BY_MAIN_ALONE.has(properties.get('NotifyAccess') ?? '')) return null
  return properties.get('Id')?.startsWith('user@') ? null : pid
}
