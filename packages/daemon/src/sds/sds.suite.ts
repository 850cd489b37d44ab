import assert from 'node:assert/strict'
import { type Any, anyUnpack } from '@bufbuild/protobuf/wkt'
import type { DataSource } from '../../gen/envoy/config/core/v3/base_pb.js'
import { type Secret, SecretSchema } from '../../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js'
import { SPIFFECertValidatorConfigSchema } from '../../gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js'

export const SECRET = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret'

/** A secret as Envoy reads it. */
export type Read =
  | { readonly name: string; readonly chain: string; readonly key: string }
  | { readonly name: string; readonly roots: Readonly<Record<string, string>> }
  | { readonly name: string; readonly trustedCa: string }

export function readSecret(resource: Any | undefined): Read {
  assert.ok(resource)
  assert.equal(resource.typeUrl, SECRET)
  const secret = anyUnpack(resource, SecretSchema)
  assert.ok(secret)
  return readType(secret)
}

function readType({ name, type }: Secret): Read {
  if (type.case === 'tlsCertificate')
    return { name, chain: textOf(type.value.certificateChain), key: textOf(type.value.privateKey) }
  assert.ok(type.case === 'validationContext')
  const { trustedCa, customValidatorConfig } = type.value
  if (trustedCa) return { name, trustedCa: textOf(trustedCa) }
  assert.equal(customValidatorConfig?.name, 'envoy.tls.cert_validator.spiffe')
  const validator = anyUnpack(customValidatorConfig.typedConfig!, SPIFFECertValidatorConfigSchema)
  const roots = validator!.trustDomains.map(({ name, trustBundle }) => [name, textOf(trustBundle)])
  return { name, roots: Object.fromEntries(roots) }
}

function textOf(source: DataSource | undefined): string {
  assert.ok(source?.specifier.case === 'inlineBytes')
  return new TextDecoder().decode(source.specifier.value)
}

/** What tells Envoy's version. */
export const envoy = (minorNumber: number, metadata = {}) => ({
  id: 'test',
  metadata,
  userAgentName: 'envoy',
  userAgentVersionType: {
    case: 'userAgentBuildVersion' as const,
    value: { version: { majorNumber: 1, minorNumber, patch: 0 } },
  },
})
