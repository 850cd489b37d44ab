import { foundation } from './0001-foundation.ts'
import { killSwitch } from './0002-kill-switch.ts'
import { workloads } from './0003-workloads.ts'
import { whoMayAsk } from './0004-who-may-ask.ts'
import type { Migration } from './migration.ts'

/** All migrations, in order. */
export const migrations: readonly Migration[] = [foundation, killSwitch, workloads, whoMayAsk]
