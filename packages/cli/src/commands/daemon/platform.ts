import process from 'node:process'
import { refuse } from '../../problem.ts'

/** Throws `platform_unsupported` elsewhere than on Linux: other systems do not say which process is behind a socket as we need it. */
export function requireLinux(platform: NodeJS.Platform = process.platform): void {
  if (platform === 'linux') return
  throw refuse('platform_unsupported', `expected Linux, got ${platform}: the daemon serves no Workload API here`)
}
