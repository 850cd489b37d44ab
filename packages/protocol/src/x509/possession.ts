import { concat, encodeUtf8 } from '../bytes.ts'
import type { Crypto } from '../ports.ts'

const CONTEXT = 'lanyard-x509pop-v1\0'

/**
 * What the key of a machine signs to show that it is here: the context, the nonce of the challenge, and the SHA-256 of the
 * request (DER), so that nobody in between can put another key into it. RSA signs PKCS #1 v1.5 with SHA-256, ECDSA with the
 * hash of its curve, in DER; Ed25519 as it is.
 */
export const x509popMessage = (nonce: Uint8Array, csr: Uint8Array, crypto: Crypto): Uint8Array =>
  concat(encodeUtf8(CONTEXT), nonce, crypto.sha256(csr))
