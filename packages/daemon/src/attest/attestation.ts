import { LanyardError } from '@lanyard/api'
import { type AttestorSettings, attestorsOf } from '../attestors/index.ts'
import type { Attestation, Attestor, Finding, HeldProcess, Launches, Log, Meter, Time, Workload } from '../ports.ts'
import { match } from './match.ts'

export interface AttestationOptions {
  /** Settings of each attestor by its name; `false` leaves it out; absent: its defaults. */
  readonly attestors?: AttestorSettings
  /** What `lanyard run` launched. */
  readonly launches: Launches
  readonly time: Time
  readonly log: Log
  readonly meter: Meter
}

type Ports = Pick<AttestationOptions, 'log' | 'meter' | 'time'>

function gone(process: HeldProcess): LanyardError {
  return new LanyardError('workload_gone', `process ${process.pid} has ended, or is another by now`)
}

async function ask(attestor: Attestor, process: HeldProcess, { log, meter, time }: Ports): Promise<Finding> {
  const begun = time.monotonic()
  try {
    return await attestor.examine(process)
  } catch (error) {
    if (!process.isAlive()) throw gone(process)
    log.warn({ attestor: attestor.name, pid: process.pid, err: error }, 'an attestor could not examine a process')
    if (error instanceof LanyardError) throw error
    throw new LanyardError('attestation_failed', `${attestor.name} could not examine the process`, {}, { cause: error })
  } finally {
    meter.time('attestor', (time.monotonic() - begun) / 1000, { attestor: attestor.name })
  }
}

async function examine(
  process: HeldProcess,
  attestors: readonly Attestor[],
  { launches, ...ports }: Ports & Pick<AttestationOptions, 'launches'>,
): Promise<Workload> {
  if (!process.isAlive()) throw gone(process)
  const findings = await Promise.all(attestors.map(attestor => ask(attestor, process, ports)))
  const launchedFor = launches.entryOf(process)
  // Last: what was found by its number is about this process only if it had that number all the while.
  if (!process.isAlive()) throw gone(process)
  return {
    process,
    selectors: new Set(findings.flatMap(finding => finding.selectors)),
    mainOf: findings.flatMap(finding => finding.mainOf ?? []),
    launchedFor,
  }
}

/**
 * Examines by every attestor of the settings. An attestor that cannot answer fails the whole: fewer selectors would look like an
 * identity that was withdrawn, and a workload would drop what it may keep.
 */
export function attestationOf(
  options: AttestationOptions,
  attestors: readonly Attestor[] = attestorsOf(options.attestors ?? {}),
): Attestation {
  const { meter, time } = options
  return {
    async examine(process) {
      const begun = time.monotonic()
      let result: string = 'attestation_failed'
      try {
        const workload = await examine(process, attestors, options)
        result = 'ok'
        return workload
      } catch (error) {
        if (error instanceof LanyardError) result = error.code
        throw error
      } finally {
        meter.time('attest', (time.monotonic() - begun) / 1000, { result })
      }
    },
    match: (workload, entries) => match(workload, entries, time.now()),
  }
}
