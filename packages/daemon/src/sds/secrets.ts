import { createHash } from 'node:crypto'
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { type Any, anyPack } from '@bufbuild/protobuf/wkt'
import { type Bundle, encodePem } from '@lanyard/protocol'
import type { Node } from '../../gen/envoy/config/core/v3/base_pb.js'
import type { CertificateValidationContextSchema } from '../../gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js'
import { SecretSchema } from '../../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js'
import { SPIFFECertValidatorConfigSchema } from '../../gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js'
import { invalidError } from '../grpc/refusal.ts'
import type { HeldSvid } from '../ports.ts'
import type { Meant } from './names.ts'

export const SECRET_TYPE = `type.googleapis.com/${SecretSchema.typeName}`

/** A secret as it travels. */
export interface Written {
  readonly name: string
  readonly resource: Any
  /** Changes with the content, and is the same after a restart. */
  readonly version: string
}

/** Writes what a name stands for as a Secret of Envoy under that name. Throws InvalidArgument, as {@link contextOf}. */
export function writeSecret(name: string, meant: Meant, hasValidator: boolean): Written {
  const type =
    meant.kind === 'svid'
      ? ({ case: 'tlsCertificate', value: certificateOf(meant.svid) } as const)
      : ({ case: 'validationContext', value: contextOf(name, meant.bundles, hasValidator) } as const)
  const secret = create(SecretSchema, { name, type })
  const version = createHash('sha256').update(toBinary(SecretSchema, secret)).digest('hex').slice(0, 16)
  return { name, resource: anyPack(SecretSchema, secret), version }
}

function certificateOf({ chain, keyDer }: HeldSvid) {
  return { certificateChain: inline(pemOf(chain)), privateKey: inline(encodePem('PRIVATE KEY', keyDer)) }
}

/**
 * Roots for each trust domain apart, by Envoy's own validator for SPIFFE. Without it all roots would be good for all names,
 * so that a foreign trust domain could speak for ours: several bundles are refused then.
 */
function contextOf(
  name: string,
  bundles: readonly Bundle[],
  hasValidator: boolean,
): MessageInitShape<typeof CertificateValidationContextSchema> {
  if (hasValidator) return { customValidatorConfig: validatorOf(bundles) }
  const [only, ...others] = bundles
  if (only === undefined || others.length > 0)
    throw invalidError(
      'body_invalid',
      `${name} needs the SPIFFE validator of Envoy 1.18 or later: name one trust domain`,
    )
  return { trustedCa: inline(pemOf(only.x509Authorities)) }
}

function validatorOf(bundles: readonly Bundle[]) {
  const trustDomains = bundles
    // Envoy refuses one without roots, and whom it does not know it does not trust.
    .filter(({ x509Authorities }) => x509Authorities.length > 0)
    .map(({ trustDomain, x509Authorities }) => ({
      name: trustDomain.name,
      trustBundle: inline(pemOf(x509Authorities)),
    }))
  return {
    name: 'envoy.tls.cert_validator.spiffe',
    typedConfig: anyPack(SPIFFECertValidatorConfigSchema, create(SPIFFECertValidatorConfigSchema, { trustDomains })),
  }
}

const inline = (text: string) => ({
  specifier: { case: 'inlineBytes' as const, value: new TextEncoder().encode(text) },
})
const pemOf = (certificates: readonly { readonly der: Uint8Array }[]): string =>
  certificates.map(({ der }) => encodePem('CERTIFICATE', der)).join('')

/** Whether this Envoy has the SPIFFE validator, which came with 1.18, and may use it. */
export function hasSpiffeValidator(node: Node | undefined): boolean {
  if (node?.metadata?.disable_spiffe_cert_validation === true) return false
  const { userAgentVersionType: agent } = node ?? {}
  const version = agent?.case === 'userAgentBuildVersion' ? agent.value.version : undefined
  return version === undefined || version.majorNumber > 1 || version.minorNumber >= 18
}
