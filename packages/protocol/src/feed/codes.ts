/** Refusals of this folder. */
export const FEED_CODES = {
  ack_invalid: {
    title: 'The acknowledgement cannot be believed',
    remedy: 'Sign the acknowledgement with the key of the newest certificate of the enforcement point.',
  },
  feed_line_invalid: {
    title: 'A line of the feed cannot be believed',
    remedy: 'Connect again; if it happens again, compare the roots that you trust.',
  },
  receipt_invalid: {
    title: 'The receipt cannot be believed',
    remedy: 'Compare the roots that you trust with those of the authority that signed it.',
  },
} as const
