import { check } from './check.ts'
import { compare } from './compare.ts'
import { explain } from './explain.ts'
import { shadow } from './shadow.ts'
import { testCases } from './test-cases.ts'
import { versionCommands } from './versions.ts'

export const policyCommands = [check, testCases, ...versionCommands, explain, compare, shadow]
