import { type Cgroup, isWithin } from '../cgroup.ts'

/** A container that a control group names. */
export interface ContainerCgroup {
  /** 64 hex digits. */
  readonly id: string
  readonly hierarchy: string
  /** Control group of the container: the path up to the part with its id. */
  readonly root: string
}

// `docker-ID.scope` where systemd makes the groups, `ID` where Docker does.
const CONTAINER = /^(?:docker-)?([0-9a-f]{64})(?:\.scope)?$/

function containerIn({ hierarchy, path }: Cgroup): readonly ContainerCgroup[] {
  const parts = path.split('/')
  const at = parts.findIndex(part => CONTAINER.test(part))
  if (at < 0) return []
  return [{ id: CONTAINER.exec(parts[at]!)![1]!, hierarchy, root: parts.slice(0, at + 1).join('/') }]
}

/**
 * The container that a process belongs to: the *outermost*, since what is within a container may be its own choice. Null: none,
 * or not the same one in all trees of groups.
 */
export function containerOf(cgroups: readonly Cgroup[]): ContainerCgroup | null {
  const found = cgroups.flatMap(containerIn)
  return found.every(({ id }) => id === found[0]!.id) ? (found[0] ?? null) : null
}

/**
 * Whether a process is of the container that its control group names: its first process must be in the same group. Whoever owns
 * a branch of the tree may call a group in it by the id of somebody else's container.
 */
export function isOfContainer({ hierarchy, root }: ContainerCgroup, ofFirst: readonly Cgroup[]): boolean {
  return ofFirst.some(group => group.hierarchy === hierarchy && isWithin(group.path, root))
}
