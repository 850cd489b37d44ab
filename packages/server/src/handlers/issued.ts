import { type Issued, isoTime } from '@lanyard/authority'
import { encodePem } from '@lanyard/protocol'

/** What every reply with a certificate of an agent says of it. */
export const showIssued = (issued: Issued) => ({
  certificate: encodePem('CERTIFICATE', issued.der),
  chain: issued.chainPem,
  bundle: issued.bundlePem,
  spiffe_id: issued.spiffeId,
  serial: issued.serial,
  not_before: isoTime(issued.notBefore * 1000),
  not_after: isoTime(issued.notAfter * 1000),
  validity_sec: issued.ttlSec,
  // Finer than the others: it spreads a fleet that began together.
  renew_after: isoTime(issued.renewAfter, 'milliseconds'),
})
