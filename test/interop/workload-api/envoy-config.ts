/** What Envoy is told: a listener for agents and one for this machine, both of which lead on to an agent by mTLS. */
export interface EnvoyOptions {
  /** Path of the Workload API, which serves SDS too. */
  readonly socket: string
  /** SPIFFE ID that may call the listener for agents. */
  readonly caller: string
  /** SPIFFE ID and port of the agent that it leads on to. */
  readonly upstream: { readonly id: string; readonly port: number }
  /** Name that the listener asks for its certificates by. */
  readonly certificate: string
  /** Name that it asks for what it trusts by. */
  readonly trust: string
}

/** A bootstrap of Envoy. All its ports are free ones: the admin interface at `adminFile` tells them. */
export function envoyConfig(options: EnvoyOptions, trustDomainOf = 'ROOTCA'): object {
  const { socket, caller, upstream, certificate, trust } = options
  return {
    node: { id: 'test', cluster: 'test' },
    admin: { address: tcp(0) },
    static_resources: {
      listeners: [
        listener('agents', {
          name: 'envoy.transport_sockets.tls',
          typed_config: {
            '@type': `${TLS}.DownstreamTlsContext`,
            require_client_certificate: true,
            common_tls_context: tlsContext(certificate, trust, caller),
          },
        }),
        listener('local'),
      ],
      clusters: [
        {
          ...cluster('sds', { pipe: { path: socket } }),
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
        },
        {
          ...cluster('agent', tcp(upstream.port)),
          transport_socket: {
            name: 'envoy.transport_sockets.tls',
            typed_config: {
              '@type': `${TLS}.UpstreamTlsContext`,
              common_tls_context: tlsContext('default', trustDomainOf, upstream.id),
            },
          },
        },
      ],
    },
  }
}

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3'
const HCM = 'envoy.filters.network.http_connection_manager'

const tcp = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } })

const cluster = (name: string, address: object) => ({
  name,
  type: 'STATIC',
  connect_timeout: '5s',
  load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
})

const secret = (name: string) => ({
  name,
  sds_config: {
    resource_api_version: 'V3',
    api_config_source: {
      api_type: 'GRPC',
      transport_api_version: 'V3',
      grpc_services: [{ envoy_grpc: { cluster_name: 'sds' } }],
    },
  },
})

const tlsContext = (certificate: string, trust: string, peer: string) => ({
  tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
  tls_certificate_sds_secret_configs: [secret(certificate)],
  combined_validation_context: {
    default_validation_context: { match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: peer } }] },
    validation_context_sds_secret_config: secret(trust),
  },
})

const listener = (name: string, transport_socket?: object) => ({
  name,
  address: tcp(0),
  filter_chains: [
    {
      ...(transport_socket ? { transport_socket } : {}),
      filters: [
        {
          name: HCM,
          typed_config: {
            '@type': `type.googleapis.com/${HCM.replace('.filters.network.', '.extensions.filters.network.')}.v3.HttpConnectionManager`,
            stat_prefix: name,
            route_config: {
              virtual_hosts: [
                { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'agent' } }] },
              ],
            },
            http_filters: [
              {
                name: 'envoy.filters.http.router',
                typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
              },
            ],
          },
        },
      ],
    },
  ],
})
