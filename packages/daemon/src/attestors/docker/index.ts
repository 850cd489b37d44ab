import { existsSync } from 'node:fs'
import type { Attestor, Finding } from '../../ports.ts'
import { Answers } from '../answers.ts'
import { type Cgroup, cgroupsOf } from '../cgroup.ts'
import { selectors } from '../selector.ts'
import { containerOf, isOfContainer } from './container.ts'
import { type Container, inspect } from './inspect.ts'

export interface DockerSettings {
  /**
   * Unix socket of the engine, which must then answer. By default `/var/run/docker.sock`, where there is one: a daemon inside of a
   * container sees groups of containers and no engine.
   */
  readonly socket?: string | undefined
}

const SOCKET = '/var/run/docker.sock'
const NOTHING: Finding = { selectors: [], mainOf: null }

/** Which container of Docker a process belongs to, and whether it is its first process. */
export function dockerAttestor(
  settings: DockerSettings = {},
  cgroups: (pid: number) => readonly Cgroup[] = cgroupsOf,
): Attestor {
  const socket = settings.socket ?? SOCKET
  const isThere = () => settings.socket !== undefined || existsSync(socket)
  const answers = new Answers(id => inspect(socket, id))
  return {
    name: 'docker',
    async examine(process) {
      const own = containerOf(cgroups(process.pid))
      if (!own || !isThere()) return NOTHING
      const container = await answers.about(own.id, process)
      if (!container || !isOfContainer(own, cgroups(container.pid))) return NOTHING
      return { selectors: selectorsOf(container), mainOf: container.pid === process.pid ? `docker ${own.id}` : null }
    },
  }
}

function selectorsOf({ labels, env, imageId, imageDigests }: Container): readonly string[] {
  // A colon in the name of a label would let `a:b`=`c` pass for `a`=`b:c`.
  const named = Object.entries(labels).filter(([name]) => !name.includes(':'))
  return selectors('docker', {
    label: named.map(([name, value]) => `${name}:${value}`),
    env,
    image_id: [imageId],
    image_digest: imageDigests,
  })
}
