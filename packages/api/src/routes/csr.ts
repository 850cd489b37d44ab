/** What a CSR and its key are refused for, whoever sends them. */
export const CSR_REFUSALS = [
  'csr_invalid',
  'csr_signature_invalid',
  'key_type_forbidden',
  'key_too_small',
  'key_too_large',
  'key_exponent_forbidden',
  'signature_algorithm_forbidden',
] as const
