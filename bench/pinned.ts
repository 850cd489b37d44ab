import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import process from 'node:process'

/** Whether processes can be given a processor of their own here. */
export const canPin = spawnSync('taskset', ['-c', '0', 'true']).status === 0

/** Starts a script under this Node on one processor, where that can be had. */
export function startOn(cpu: number, script: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  const command = [process.execPath, '--disable-warning=ExperimentalWarning', script, ...args]
  return canPin
    ? spawn('taskset', ['-c', String(cpu), ...command], options)
    : spawn(command[0]!, command.slice(1), options)
}

/** Processor seconds that a process has used, and the most memory it held, in MB. Linux. */
export function usageOf(pid: number): { cpuSec: number; peakMb: number; residentMb: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = Number(fields[11]) + Number(fields[12])
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const megabytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024
  return { cpuSec: ticks / 100, peakMb: megabytes('VmHWM'), residentMb: megabytes('VmRSS') }
}
