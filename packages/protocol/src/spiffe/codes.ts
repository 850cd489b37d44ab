/** Refusals of this folder: code → title and remedy. Tests assert the code; texts may improve. */
export const SPIFFE_CODES = {
  // SPIFFE IDs
  spiffe_id_scheme: {
    title: 'Not a SPIFFE ID',
    remedy: 'Write the ID as spiffe://<trust domain>/<path>, with the scheme in lower case.',
  },
  spiffe_id_too_long: {
    title: 'The SPIFFE ID is too long',
    remedy: 'Keep the whole ID within 2048 bytes.',
  },
  trust_domain_missing: {
    title: 'The trust domain is missing',
    remedy: 'Name the trust domain after spiffe://, for example spiffe://example.org/path.',
  },
  trust_domain_too_long: {
    title: 'The trust domain is too long',
    remedy: 'Keep the name of the trust domain within 255 bytes.',
  },
  trust_domain_character: {
    title: 'The trust domain has a character that is not allowed',
    remedy: 'Use lower-case letters, digits, dots, dashes and underscores; no port, user or percent-encoding.',
  },
  spiffe_path_character: {
    title: 'The path has a character that is not allowed',
    remedy: 'Use letters, digits, dots, dashes and underscores in segments; no query, fragment or percent-encoding.',
  },
  spiffe_path_empty_segment: {
    title: 'The path has an empty segment',
    remedy: 'Write exactly one slash between two segments.',
  },
  spiffe_path_dot_segment: {
    title: 'The path has a dot segment',
    remedy: 'Leave out segments that are . or .. alone.',
  },
  spiffe_path_trailing_slash: {
    title: 'The path ends with a slash',
    remedy: 'Leave out the slash at the end.',
  },
  spiffe_id_mismatch: {
    title: 'Another SPIFFE ID was expected',
    remedy: 'Check which identity the peer runs under, and which one is allowed here.',
  },

  // Names and the ID template
  name_invalid: {
    title: 'The name is not allowed',
    remedy:
      'Use 1 to 63 lower-case letters, digits, dots, dashes and underscores, the first one a letter or digit; avoid names that the ID template reserves.',
  },
  id_template_invalid: {
    title: 'The ID template is not usable',
    remedy:
      'Write a path with {tenant} and {agent} exactly once, each a whole segment, for example /tenant/{tenant}/agent/{agent}; the first segment is neither lanyard nor spire.',
  },
} as const
