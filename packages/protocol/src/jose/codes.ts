/** Refusals of this folder: code → title and remedy. Tests assert the code; texts may improve. */
export const JOSE_CODES = {
  // JSON
  json_invalid: {
    title: 'Not valid JSON',
    remedy: 'Send one JSON text, in UTF-8 and without lone surrogates.',
  },
  json_not_object: {
    title: 'A JSON object was expected',
    remedy: 'Send an object, not an array, a string, a number or null.',
  },
  json_too_large: {
    title: 'The JSON text is too large',
    remedy: 'Keep the document within the limit that the message names.',
  },
  json_too_deep: {
    title: 'The JSON text is nested too deeply',
    remedy: 'Use fewer levels of objects and arrays.',
  },
  json_duplicate_name: {
    title: 'An object has the same name twice',
    remedy: 'Write each member of an object once.',
  },
  json_forbidden_name: {
    title: 'An object has a member that is not allowed',
    remedy: 'Leave out members called __proto__.',
  },

  // JWS (RFC 7515)
  jws_malformed: {
    title: 'Not a compact JWS',
    remedy: 'Send header, payload and signature in base64url without padding, with one dot between two.',
  },
  jws_too_large: {
    title: 'The token is too large',
    remedy: 'Put fewer claims into the token.',
  },
  jws_header_invalid: {
    title: 'A header of the token is missing or has the wrong type',
    remedy: 'Send alg and kid as strings that are not empty.',
  },
  jws_header_forbidden: {
    title: 'The token has a header that is not allowed',
    remedy: 'Send only alg, kid and typ. Keys are known beforehand and never taken from a token.',
  },
  jws_type_mismatch: {
    title: 'The token is of another kind',
    remedy: 'Send a token whose typ is the one that is expected here.',
  },
  jws_algorithm_forbidden: {
    title: 'The signature algorithm is not allowed',
    remedy: 'Sign with an algorithm that is allowed here.',
  },
  jws_algorithm_mismatch: {
    title: 'The signature algorithm is not the one of the key',
    remedy: 'Sign with the algorithm that the key was published for.',
  },
  jws_key_unknown: {
    title: 'The key of the token is not known',
    remedy: 'Get a new token; if that does not help, refresh the keys of its issuer.',
  },
  jws_signature_invalid: {
    title: 'The signature of the token does not hold',
    remedy: 'Get a new token from its issuer.',
  },

  // JWT (RFC 7519)
  jwt_claim_invalid: {
    title: 'A claim is missing or has the wrong type',
    remedy: 'Send the claim that the message names, with the type that it has in RFC 7519.',
  },
  jwt_issuer_mismatch: {
    title: 'The token comes from another issuer',
    remedy: 'Get a token from the issuer that is expected here.',
  },
  jwt_audience_mismatch: {
    title: 'The token is meant for another audience',
    remedy: 'Get a token whose aud names this service.',
  },
  token_expired: {
    title: 'The token has ended',
    remedy: 'Get a new token; if it is new, compare the clocks.',
  },
  token_not_yet_valid: {
    title: 'The token is not valid yet',
    remedy: 'Compare the clocks of the issuer and of this service.',
  },

  // JWK (RFC 7517)
  jwk_invalid: {
    title: 'Not a valid JWK',
    remedy: 'Send a public key with the members of its kty, in base64url without padding (RFC 7518, 6; RFC 8037).',
  },
  jwk_unsupported: {
    title: 'This kind of key is not supported',
    remedy: 'Use RSA, EC with P-256, P-384 or P-521, or OKP with Ed25519.',
  },
  jwk_private: {
    title: 'The JWK holds a private or a secret key',
    remedy: 'Send public keys only, and treat this private key as disclosed.',
  },
} as const
