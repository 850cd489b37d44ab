import { readFileSync } from 'node:fs'

/** One line of /proc/PID/cgroup, cgroups(7). */
export interface Cgroup {
  /** Empty for version 2, else its controllers: `pids`, `cpu,cpuacct`, `name=systemd`. */
  readonly hierarchy: string
  /** As the daemon sees it: `/system.slice/invoice.service`. */
  readonly path: string
}

/** Reads /proc/PID/cgroup. A path that leads out of what the daemon sees (`/..`) or was removed is left out. */
export function parseCgroups(text: string): readonly Cgroup[] {
  return text.split('\n').flatMap(line => {
    const [, hierarchy, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? []
    if (hierarchy === undefined || path === undefined) return []
    return path.split('/').includes('..') || path.endsWith(' (deleted)') ? [] : [{ hierarchy, path }]
  })
}

/** The control groups of a process; none when it has ended. */
export function cgroupsOf(pid: number): readonly Cgroup[] {
  try {
    return parseCgroups(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))
  } catch {
    return []
  }
}

/** Whether `path` is `ancestor` or lies beneath it. */
export function isWithin(path: string, ancestor: string): boolean {
  return path === ancestor || path.startsWith(`${ancestor}/`)
}
