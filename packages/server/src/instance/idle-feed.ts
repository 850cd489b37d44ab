import { LanyardError } from '@lanyard/api'
import type { Feed } from '../http/ports.ts'

/** Tells nobody anything. */
export const idleFeed: Feed = {
  feedId: 'none',
  follow: () => Promise.reject(new LanyardError('not_ready', 'this instance tells no feed')),
  tell() {},
  onEpoch() {},
}
