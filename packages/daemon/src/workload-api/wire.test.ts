import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DescField, DescFile, DescService } from '@bufbuild/protobuf'
import { file_envoy_config_core_v3_base as base } from '../../gen/envoy/config/core/v3/base_pb.js'
import { file_envoy_config_core_v3_extension as extension } from '../../gen/envoy/config/core/v3/extension_pb.js'
import { file_envoy_extensions_transport_sockets_tls_v3_common as common } from '../../gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js'
import { file_envoy_extensions_transport_sockets_tls_v3_secret as secret } from '../../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js'
import { file_envoy_extensions_transport_sockets_tls_v3_tls_spiffe_validator_config as validator } from '../../gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js'
import { file_envoy_service_discovery_v3_discovery as discovery } from '../../gen/envoy/service/discovery/v3/discovery_pb.js'
import { SecretDiscoveryService } from '../../gen/envoy/service/secret/v3/sds_pb.js'
import { file_envoy_type_v3_semantic_version as semanticVersion } from '../../gen/envoy/type/v3/semantic_version_pb.js'
import { file_workload, SpiffeWorkloadAPI } from '../../gen/workload_pb.js'

function kindOf({ fieldKind, ...field }: DescField): string {
  if (fieldKind === 'message') return `${field.message!.name} `
  if (fieldKind === 'list')
    return field.message ? `${field.message.name}* ` : `${field.proto.type === 12 ? 'bytes' : 'string'}* `
  if (fieldKind === 'map') return field.message ? 'map ' : `map<${field.scalar === 12 ? 'bytes' : 'string'}> `
  return ''
}

/** `Message name=number name=number`, one for each message. */
function shapesOf(file: DescFile): string[] {
  const all = file.messages.flatMap(message => [message, ...message.nestedMessages])
  return all
    .filter(({ fields }) => fields.length > 0)
    .map(({ name, fields }) =>
      [name, ...fields.map(field => `${kindOf(field)}${field.name}=${field.number}`)].join(', '),
    )
}

const methodsOf = ({ methods }: DescService) => methods.map(({ name, methodKind }) => `${name} ${methodKind}`)

// The numbers of the standard and of Envoy: nothing else makes two programs understand each other.
test('the Workload API has the published names and numbers', () => {
  assert.equal(SpiffeWorkloadAPI.typeName, 'SpiffeWorkloadAPI')
  assert.deepEqual(methodsOf(SpiffeWorkloadAPI), [
    'FetchX509SVID server_streaming',
    'FetchX509Bundles server_streaming',
    'FetchJWTSVID unary',
    'FetchJWTBundles server_streaming',
    'ValidateJWTSVID unary',
    'FetchWITSVID server_streaming',
    'FetchWITBundles server_streaming',
  ])
  assert.deepEqual(shapesOf(file_workload), [
    'X509SVIDResponse, X509SVID* svids=1, bytes* crl=2, map<bytes> federated_bundles=3',
    'X509SVID, spiffe_id=1, x509_svid=2, x509_svid_key=3, bundle=4, hint=5',
    'X509BundlesResponse, bytes* crl=1, map<bytes> bundles=2',
    'JWTSVIDRequest, string* audience=1, spiffe_id=2',
    'JWTSVIDResponse, JWTSVID* svids=1',
    'JWTSVID, spiffe_id=1, svid=2, hint=3',
    'JWTBundlesResponse, map<bytes> bundles=1',
    'ValidateJWTSVIDRequest, audience=1, svid=2',
    'ValidateJWTSVIDResponse, spiffe_id=1, Struct claims=2',
    'WITSVIDRequest, spiffe_id=1',
    'WITSVIDResponse, WITSVID* svids=1',
    'WITSVID, spiffe_id=1, wit_svid=2, wit_svid_key=3, hint=4',
    'WITBundlesResponse, map<string> bundles=1',
  ])
})

test('secret discovery has the published names and numbers', () => {
  assert.equal(SecretDiscoveryService.typeName, 'envoy.service.secret.v3.SecretDiscoveryService')
  assert.deepEqual(methodsOf(SecretDiscoveryService), [
    'DeltaSecrets bidi_streaming',
    'StreamSecrets bidi_streaming',
    'FetchSecrets unary',
  ])
  assert.deepEqual([discovery, base, extension, semanticVersion, common, secret, validator].flatMap(shapesOf), [
    'DiscoveryRequest, version_info=1, Node node=2, string* resource_names=3, type_url=4, response_nonce=5, Status error_detail=6',
    'DiscoveryResponse, version_info=1, Any* resources=2, type_url=4, nonce=5',
    'DeltaDiscoveryRequest, Node node=1, type_url=2, string* resource_names_subscribe=3, string* resource_names_unsubscribe=4, map<string> initial_resource_versions=5, response_nonce=6, Status error_detail=7',
    'DeltaDiscoveryResponse, system_version_info=1, Resource* resources=2, type_url=4, nonce=5, string* removed_resources=6',
    'Resource, version=1, Any resource=2, name=3',
    'BuildVersion, SemanticVersion version=1',
    'Node, id=1, cluster=2, Struct metadata=3, user_agent_name=6, user_agent_version=7, BuildVersion user_agent_build_version=8',
    'DataSource, inline_bytes=2, inline_string=3',
    'TypedExtensionConfig, name=1, Any typed_config=2',
    'SemanticVersion, major_number=1, minor_number=2, patch=3',
    'TlsCertificate, DataSource certificate_chain=1, DataSource private_key=2',
    'CertificateValidationContext, DataSource trusted_ca=1, TypedExtensionConfig custom_validator_config=12',
    'Secret, name=1, TlsCertificate tls_certificate=2, CertificateValidationContext validation_context=4',
    'SPIFFECertValidatorConfig, TrustDomain* trust_domains=1',
    'TrustDomain, name=1, DataSource trust_bundle=2',
  ])
})
