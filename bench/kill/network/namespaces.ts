import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import type { Trouble } from './relay.ts'

/** A network namespace: how a program is started in it, and the address that it has there. */
export interface Place {
  readonly prefix: readonly string[]
  readonly address: string
}

/** Places that reach each other over a network with a delay and a loss. */
export interface Network<Name extends string> {
  /** How delay and loss are made, for those who judge the figures. */
  readonly method: string
  readonly places: Readonly<Record<Name, Place>>
  close(): Promise<void>
}

const RELAY = new URL('./relay.ts', import.meta.url).pathname

/**
 * Puts each place into a network namespace of its own. Every packet from one to another comes `delayMs` late, or with a
 * chance of `lossPercent` never. netem does it where the kernel has it; else a program of this bench, through which every
 * Ethernet frame goes as a VXLAN datagram: the losses are those of packets in both cases, and TCP is the kernel's own.
 *
 * @throws Error where the system lets us make no namespaces (root and Linux are needed)
 */
export async function layNetwork<Name extends string>(
  names: readonly Name[],
  trouble: Trouble,
): Promise<Network<Name>> {
  const hub = `lanyard-${process.pid}-hub`
  const spaces = names.map((name, at) => ({ name, space: `lanyard-${process.pid}-${name}`, number: at + 1 }))
  const all = [hub, ...spaces.map(({ space }) => space)]
  const lay = async () => {
    for (const space of all) {
      ip(['netns', 'add', space])
      ip(['-n', space, 'link', 'set', 'lo', 'up'])
    }
    for (const { space, number } of spaces) layCable(hub, space, number)
    const made = hasNetem(spaces[0]!.space) ? bridge(hub, spaces, trouble) : await relay(hub, spaces, trouble)
    return made
  }
  const remove = () => {
    process.removeListener('exit', remove)
    for (const space of all) spawnSync('ip', ['netns', 'del', space])
  }
  // Namespaces outlive the process that made them.
  process.once('exit', remove)
  try {
    const { method, end } = await lay()
    const places = Object.fromEntries(spaces.map(({ name, space, number }) => [name, placeOf(space, number)]))
    return {
      method,
      places: places as Record<Name, Place>,
      async close() {
        await end()
        remove()
      },
    }
  } catch (error) {
    remove()
    throw error
  }
}

interface Space {
  readonly space: string
  readonly number: number
}

const placeOf = (space: string, number: number): Place => ({
  prefix: ['ip', 'netns', 'exec', space],
  address: `10.99.0.${number}`,
})

/** The cable between a place (`u0`) and the hub (`v1`, `v2`, …). */
function layCable(hub: string, space: string, number: number): void {
  ip(['link', 'add', 'u0', 'netns', space, 'type', 'veth', 'peer', 'name', `v${number}`, 'netns', hub])
  ip(['-n', space, 'link', 'set', 'u0', 'up'])
  ip(['-n', hub, 'link', 'set', `v${number}`, 'up'])
}

function hasNetem(space: string): boolean {
  const tried = spawnSync('tc', ['-n', space, 'qdisc', 'add', 'dev', 'u0', 'root', 'netem', 'delay', '1ms'])
  if (tried.status === 0) spawnSync('tc', ['-n', space, 'qdisc', 'del', 'dev', 'u0', 'root'])
  return tried.status === 0
}

function bridge(hub: string, spaces: readonly Space[], { delayMs, lossPercent }: Trouble) {
  ip(['-n', hub, 'link', 'add', 'br0', 'type', 'bridge'])
  ip(['-n', hub, 'link', 'set', 'br0', 'up'])
  for (const { space, number } of spaces) {
    ip(['-n', hub, 'link', 'set', `v${number}`, 'master', 'br0'])
    ip(['-n', space, 'addr', 'add', `10.99.0.${number}/24`, 'dev', 'u0'])
    const netem = ['netem', 'delay', `${delayMs}ms`, 'loss', `${lossPercent}%`]
    run('tc', ['-n', space, 'qdisc', 'add', 'dev', 'u0', 'root', ...netem])
  }
  return { method: `netem: ${says({ delayMs, lossPercent })}, on packets, of the kernel`, end: async () => {} }
}

async function relay(hub: string, spaces: readonly Space[], trouble: Trouble) {
  for (const { space, number } of spaces) {
    ip(['-n', hub, 'addr', 'add', `10.98.${number}.1/30`, 'dev', `v${number}`])
    ip(['-n', space, 'addr', 'add', `10.98.${number}.2/30`, 'dev', 'u0'])
    const tunnel = ['remote', `10.98.${number}.1`, 'local', `10.98.${number}.2`, 'dstport', '4789', 'nolearning']
    // One segment a packet, as on a wire: the kernel would hand over 64 KiB at once to a network card that cuts them.
    const link = ['address', hardware(number), 'mtu', '1450', 'gso_max_segs', '1']
    ip(['-n', space, 'link', 'add', 'vx0', ...link, 'type', 'vxlan', 'id', '7', ...tunnel])
    ip(['-n', space, 'addr', 'add', `10.99.0.${number}/24`, 'dev', 'vx0'])
    ip(['-n', space, 'link', 'set', 'vx0', 'up'])
  }
  // Who is where is written down, so that losses meet the traffic that is measured and not the search for an address.
  for (const { space, number } of spaces)
    for (const other of spaces)
      if (other.number !== number)
        ip([
          '-n',
          space,
          'neigh',
          'add',
          `10.99.0.${other.number}`,
          'lladdr',
          hardware(other.number),
          'dev',
          'vx0',
          'nud',
          'permanent',
        ])
  const child = await startRelay(hub, trouble)
  return {
    method: `no netem here: every Ethernet frame goes by VXLAN through a program of this bench, ${says(trouble)}, on packets; timers of 1 ms, so up to 2 ms later`,
    async end() {
      const ended = once(child, 'exit')
      child.kill()
      await ended
    },
  }
}

async function startRelay(hub: string, trouble: Trouble): Promise<ChildProcess> {
  const command = ['netns', 'exec', hub, process.execPath, RELAY, JSON.stringify(trouble)]
  const child = spawn('ip', command, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const [word] = await Promise.race([once(child, 'message'), once(child, 'exit')])
  if (word !== 'relaying') throw new Error(`the relay between the namespaces ended with ${word}`)
  return child
}

const says = ({ delayMs, lossPercent }: Trouble) => `${delayMs} ms later each way and ${lossPercent} % lost`
const hardware = (number: number) => `02:00:00:00:00:${number.toString(16).padStart(2, '0')}`
const ip = (args: readonly string[]) => run('ip', args)

function run(command: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`)
}
