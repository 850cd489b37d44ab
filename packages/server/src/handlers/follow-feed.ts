import { type Handlers, LanyardError, type Routes } from '@lanyard/api'
import type { Caller } from '@lanyard/authority'
import type { FeedPosition, HandlerPorts } from '../http/ports.ts'

/** The feed itself; its enforcement points have handlers of their own. */
export const followFeedHandlers = ({ feed }: HandlerPorts): Pick<Handlers<Routes, Caller>, 'getFeed'> => ({
  getFeed: ({ query, caller }) => feed.follow(positionOf(query), caller),
})

function positionOf({
  since,
  feed_id: feedId,
}: {
  since?: number | undefined
  feed_id?: string | undefined
}): FeedPosition | null {
  if (since !== undefined) return { since, feedId: feedId ?? null }
  if (feedId === undefined) return null
  throw new LanyardError('query_invalid', 'feed_id: expected with since', {
    errors: [{ path: 'feed_id', message: 'expected with since' }],
  })
}
