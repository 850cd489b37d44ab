/** Refusals of this folder: code → title and remedy. Tests assert the code; texts may improve. */
export const X509_CODES = {
  // Certificates and keys (RFC 5280, 4)
  certificate_malformed: {
    title: 'The certificate has a field that its version does not allow',
    remedy: 'Issue X.509 version 3 certificates.',
  },
  signature_algorithm_mismatch: {
    title: 'The certificate names two signature algorithms',
    remedy: 'Issue it with the same algorithm inside and outside of the signed part.',
  },
  name_malformed: {
    title: 'A distinguished name is malformed',
    remedy: 'Write at least one attribute in each relative distinguished name.',
  },
  general_name_malformed: {
    title: 'An alternative name is malformed',
    remedy: 'Write at least one name, in ASCII and without control characters, URIs and international names encoded.',
  },
  extension_malformed: {
    title: 'An extension is malformed',
    remedy: 'Encode the extension as RFC 5280, 4.2 describes it, with at least one element.',
  },
  extension_duplicate: {
    title: 'The certificate has an extension twice',
    remedy: 'Issue it with each extension once.',
  },
  public_key_malformed: {
    title: 'A public key is malformed',
    remedy: 'Encode it as RFC 3279, RFC 5480 or RFC 8410 describes it; points of curves without compression.',
  },
  public_key_curve_explicit: {
    title: 'An elliptic curve key brings its own curve',
    remedy: 'Make the key on a named curve: P-256, P-384 or P-521.',
  },
  key_type_forbidden: {
    title: 'Keys of this type are not allowed',
    remedy: 'Use RSA, P-256, P-384, P-521 or Ed25519.',
  },
  key_too_small: {
    title: 'The RSA key is too small',
    remedy: 'Make an RSA key of 2048 to 4096 bits.',
  },
  key_too_large: {
    title: 'The RSA key is too large',
    remedy: 'Make an RSA key of 2048 to 4096 bits.',
  },
  key_exponent_forbidden: {
    title: 'The RSA public exponent is not allowed',
    remedy: 'Make the key with public exponent 65537, the default of every tool.',
  },

  // Certificate requests (RFC 2986)
  csr_invalid: {
    title: 'The CSR cannot be read',
    remedy: 'Send one PKCS#10 request in DER, made by a current tool.',
  },
  csr_signature_invalid: {
    title: 'The CSR is not signed by the key that it carries',
    remedy: 'Make the CSR again with the private key that belongs to its public key.',
  },

  // Chains (RFC 5280, 6)
  chain_untrusted: {
    title: 'No chain leads to a trusted root',
    remedy: 'Send the intermediate certificates along, and check that the root is among the trusted ones.',
  },
  chain_too_deep: {
    title: 'The chain is too long',
    remedy: 'Use fewer intermediates, or allow more with a larger depth.',
  },
  chain_work_exceeded: {
    title: 'Validating the chain would take too much work',
    remedy: 'Send only the intermediates of one chain, with few names and name constraints.',
  },
  certificate_expired: {
    title: 'A certificate has expired',
    remedy: 'Renew the certificate that the message names; if it is new, compare the clocks.',
  },
  certificate_not_yet_valid: {
    title: 'A certificate is not valid yet',
    remedy: 'Compare the clock with that of the issuer.',
  },
  certificate_version_forbidden: {
    title: 'The certificate is not of version 3',
    remedy: 'Issue X.509 version 3 certificates: older ones cannot say whether they are a CA.',
  },
  serial_number_forbidden: {
    title: 'The serial number of the certificate is not allowed',
    remedy: 'Issue certificates with positive serial numbers (RFC 5280, 4.1.2.2).',
  },
  distinguished_name_missing: {
    title: 'The certificate lacks a name that it must have',
    remedy: 'Name the issuer and every CA; a subject may be empty only beside a critical subjectAltName.',
  },
  subject_alt_name_invalid: {
    title: 'The certificate has a malformed subjectAltName',
    remedy: 'Issue it with host names in letters, digits and hyphens, and IP addresses of 4 or 16 octets.',
  },
  extension_missing: {
    title: 'The certificate lacks an extension that it must have',
    remedy: 'Issue it with the key identifiers that RFC 5280, 4.2.1.1 and 4.2.1.2 require.',
  },
  extension_misplaced: {
    title: 'The certificate has an extension that it must not have',
    remedy: 'Issue it without the extension that the message names.',
  },
  extension_criticality: {
    title: 'An extension is critical and must not be, or the reverse',
    remedy: 'Issue the certificate with the criticality that RFC 5280, 4.2 requires.',
  },
  extension_critical_unknown: {
    title: 'A critical extension is not understood',
    remedy: 'Use a certificate without the extension that the message names.',
  },
  key_identifier_mismatch: {
    title: 'The key identifiers of a root contradict each other',
    remedy: 'Use a root whose authorityKeyIdentifier, if any, equals its subjectKeyIdentifier.',
  },
  not_a_ca: {
    title: 'The issuer is not a certificate authority',
    remedy: 'Sign with a certificate whose basicConstraints say that it is a CA.',
  },
  path_length_exceeded: {
    title: 'There are more intermediates than a CA above them allows',
    remedy: 'Issue from a CA that is nearer to the root, or raise its pathLenConstraint.',
  },
  key_usage_forbidden: {
    title: 'The key may not be used for this',
    remedy: 'Check keyUsage: keyCertSign for every CA and for nothing else, digitalSignature for TLS.',
  },
  extended_key_usage_forbidden: {
    title: 'The certificate is not meant for this purpose',
    remedy: 'Use a certificate whose extendedKeyUsage, and those of its issuers, name the purpose.',
  },
  name_constraints_invalid: {
    title: 'A CA has malformed name constraints',
    remedy: 'Write constraints as RFC 5280, 4.2.1.10 does: no wildcards, and no leading dots for dNSName.',
  },
  name_constraint_violated: {
    title: 'A name is not one that the CA may certify',
    remedy: 'Use names within the permitted subtrees and outside the excluded ones of every CA above.',
  },
  name_mismatch: {
    title: 'The certificate is for another name',
    remedy: 'Check the address; the name must stand in subjectAltName, the common name does not count.',
  },
  reference_name_invalid: {
    title: 'The name to look for is not a host name or an IP address',
    remedy: 'Give a host name in letters, digits and hyphens, or the octets of an IP address.',
  },
  signature_invalid: {
    title: 'The signature of a certificate does not hold',
    remedy: 'Get the certificate again; if that does not help, it was not issued by the CA that it names.',
  },
  signature_algorithm_forbidden: {
    title: 'The certificate is signed with an algorithm that is not allowed',
    remedy: 'Sign with SHA-2: RSA (PKCS#1 or PSS), ECDSA on P-256, P-384 or P-521, or Ed25519.',
  },
} as const
