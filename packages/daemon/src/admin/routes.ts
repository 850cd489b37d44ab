import { LanyardError, type NodeEntry } from '@lanyard/api'
import type { Launcher, LaunchRegistry } from '../launches/index.ts'
import type { HeldProcess } from '../ports.ts'
import { type Explaining, type ExplainReply, explain } from './explain.ts'
import type { DaemonStatus, StatusReply } from './status.ts'

/** What the admin socket tells of. */
export interface AdminParts extends Explaining {
  readonly status: () => DaemonStatus
  /** In the Prometheus text format. */
  readonly metrics: () => string | Promise<string>
  readonly launches: LaunchRegistry
  /** Holds the process with this number; throws `workload_gone`. */
  readonly hold: (pid: number) => HeldProcess
}

export interface AdminReply {
  readonly status: number
  readonly type: 'application/json' | 'text/plain; version=0.0.4; charset=utf-8'
  readonly body: string
}

interface AdminRoute {
  /** Launchers may do these; all others are for root and the daemon's own user. */
  readonly launchers: boolean
  answer(parts: AdminParts, body: unknown, by: Launcher): Promise<AdminReply>
}

const json = (value: unknown, status = 200): AdminReply => ({
  status,
  type: 'application/json',
  body: JSON.stringify(value),
})

/** All that the admin socket answers. */
export const ADMIN_ROUTES: Readonly<Record<string, AdminRoute>> = {
  'GET /status': {
    launchers: true,
    answer: async ({ status, launches }) => {
      const reply: StatusReply = { ...status(), launches: launches.running().map(shownLaunch) }
      return json(reply)
    },
  },
  'GET /metrics': {
    launchers: false,
    answer: async ({ metrics }) => ({
      status: 200,
      type: 'text/plain; version=0.0.4; charset=utf-8',
      body: await metrics(),
    }),
  },
  'POST /explain': { launchers: false, answer: async (parts, body) => json(await explained(parts, pidIn(body))) },
  'POST /launches': {
    launchers: true,
    answer: async ({ launches }, body, by) => {
      const { entry, process, open } = launches.launch({ entry: entryIn(body), pid: pidIn(body) }, by)
      return json({ entry: entry.id, spiffe_id: entry.spiffe_id, pid: process.pid, open: open.map(shownEntry) }, 201)
    },
  },
}

const shownEntry = ({ id, spiffe_id }: NodeEntry) => ({ entry: id, spiffe_id })

const shownLaunch = ({ entry, pid, at }: { entry: string; pid: number; at: number }) => ({
  entry,
  pid,
  at: new Date(at).toISOString(),
})

async function explained(parts: AdminParts, pid: number): Promise<ExplainReply> {
  const process = parts.hold(pid)
  try {
    return await explain(process, parts)
  } finally {
    process.release()
  }
}

function pidIn(body: unknown): number {
  const pid = memberOf(body, 'pid')
  if (typeof pid === 'number' && Number.isInteger(pid) && pid > 0) return pid
  throw new LanyardError('body_invalid', 'expected `pid`, the number of a process')
}

function entryIn(body: unknown): string {
  const entry = memberOf(body, 'entry')
  if (typeof entry === 'string' && entry !== '' && entry.length <= 2048) return entry
  throw new LanyardError('body_invalid', 'expected `entry`, an id or a SPIFFE ID')
}

const memberOf = (body: unknown, name: string): unknown =>
  typeof body === 'object' && body !== null && Object.hasOwn(body, name) ? Reflect.get(body, name) : undefined
