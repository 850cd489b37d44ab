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

  // X.509-SVID
  svid_chain_empty: {
    title: 'No certificate came',
    remedy: 'Send the X.509-SVID and its intermediates, the leaf first.',
  },
  svid_uri_missing: {
    title: 'The certificate names no SPIFFE ID',
    remedy: 'Use a certificate with exactly one URI subject alternative name.',
  },
  svid_uri_multiple: {
    title: 'The certificate names more than one URI',
    remedy: 'Use a certificate with exactly one URI subject alternative name.',
  },
  svid_path_missing: {
    title: 'The SPIFFE ID names a trust domain, not a workload',
    remedy: 'Use an SVID whose SPIFFE ID has a path.',
  },
  svid_san_not_critical: {
    title: 'The certificate has neither a subject nor a critical subject alternative name',
    remedy: 'Mark the subject alternative name critical, or set a subject.',
  },
  svid_is_authority: {
    title: 'A signing certificate cannot identify a workload',
    remedy: 'Authenticate with a leaf certificate: cA false, neither keyCertSign nor cRLSign.',
  },
  svid_key_usage_invalid: {
    title: 'The key usage is not the one of an SVID',
    remedy: 'Mark the key usage critical; set digitalSignature on leaves, keyCertSign on signing certificates.',
  },
  svid_extended_key_usage_incomplete: {
    title: 'The extended key usage does not allow both sides of a connection',
    remedy: 'Set both serverAuth and clientAuth, or leave the extension out.',
  },
  svid_authority_not_ca: {
    title: 'A certificate of the chain may not sign others',
    remedy: 'Send intermediates whose basic constraints say cA.',
  },
  svid_authority_path: {
    title: 'A signing certificate has the SPIFFE ID of a workload',
    remedy: 'Give signing certificates the ID of their trust domain, without a path, or none.',
  },

  // Trust bundles
  bundle_unknown: {
    title: 'There is no bundle for this trust domain',
    remedy: 'Federate with the trust domain, or check its name.',
  },
  bundle_invalid: {
    title: 'Not a SPIFFE trust bundle',
    remedy: 'Send a JWK set as the SPIFFE bundle format describes it, with keys as an array.',
  },
  bundle_too_many_keys: {
    title: 'The bundle has too many keys',
    remedy: 'Remove authorities that no living SVID needs.',
  },
  bundle_x5c_invalid: {
    title: 'An X.509 authority does not carry exactly one certificate',
    remedy: 'Set x5c to exactly one certificate, DER in base64.',
  },
  bundle_key_mismatch: {
    title: 'The certificate of an authority has another key than its JWK',
    remedy: 'Write the public key of the certificate into the JWK.',
  },
  bundle_key_id_missing: {
    title: 'A token authority has no key ID',
    remedy: 'Set kid on jwt-svid and wit-svid keys.',
  },
  bundle_key_id_duplicate: {
    title: 'Two token authorities share a key ID',
    remedy: 'Give every key of the bundle its own kid.',
  },
} as const
