import type { Attestor, Finding, HeldProcess } from '../../ports.ts'
import { Answers } from '../answers.ts'
import { type Cgroup, cgroupsOf } from '../cgroup.ts'
import { selectors } from '../selector.ts'
import { type Manager, managerBy } from './manager.ts'
import { mainPidOf, parseProperties, type UnitCgroup, type UnitProperties, unitOf } from './unit.ts'

export interface SystemdSettings {
  /** Absolute path of `systemctl`; by default where systemd installs it. */
  readonly systemctl?: string | undefined
}

/** What is asked, so that tests can answer. */
export interface SystemdSources {
  readonly manager: Manager
  readonly cgroups: (pid: number) => readonly Cgroup[]
}

const NOTHING: Finding = { selectors: [], mainOf: null }

/** Which system service a process belongs to, and whether it is the one that systemd started for it. */
export function systemdAttestor(
  settings: SystemdSettings = {},
  { manager, cgroups }: SystemdSources = { manager: managerBy(settings.systemctl), cgroups: cgroupsOf },
): Attestor {
  const answers = new Answers(async unit => parseProperties(await manager.show(unit)))
  return {
    name: 'systemd',
    async examine(process) {
      const own = unitOf(cgroups(process.pid))
      if (!own || !manager.isThere()) return NOTHING
      return findingOf(process, own, await answers.about(own.unit, process))
    },
  }
}

/** The manager must say the same control group: a service of this name elsewhere in the tree is not the manager's. */
function findingOf({ pid }: HeldProcess, { unit, root }: UnitCgroup, properties: UnitProperties): Finding {
  const isManaged = properties.get('Id') === unit && properties.get('LoadState') === 'loaded'
  if (!isManaged || properties.get('ControlGroup') !== root) return NOTHING
  return {
    selectors: selectors('systemd', { id: [unit], fragment_path: [properties.get('FragmentPath') ?? ''] }),
    mainOf: mainPidOf(properties) === pid ? `systemd ${unit}` : null,
  }
}
