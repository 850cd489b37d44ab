import { programOf } from '../../../packages/server/src/testing/programs.ts'
import { proxySuite } from './proxy.suite.ts'
import { ProxyStage, snippets } from './stage.ts'

const [settings, config] = [snippets('## HAProxy', 'yaml')[0]!, snippets('## HAProxy', 'haproxy')[0]!]

/** HAProxy with the configuration of the guide. */
async function startHaproxy(settings: string, config: string): Promise<ProxyStage> {
  const stage = await ProxyStage.open(settings)
  const file = stage.write('haproxy.cfg', stage.adapted(config))
  await stage.run(programOf('haproxy'), ['-db', '-f', file])
  return stage
}

proxySuite({
  name: 'HAProxy, by its own SVID',
  format: 'haproxy',
  byOwn: true,
  start: () => startHaproxy(settings, config),
})

proxySuite({
  name: 'HAProxy, by a Unix socket',
  format: 'haproxy',
  byOwn: false,
  start: () =>
    startHaproxy(
      settings.replace(/spiffe_ids: .*/, 'socket: /run/lanyard-proxy/authority.sock'),
      config
        .replace('server authority id.example.org:8443', 'server authority unix@/run/lanyard-proxy/authority.sock')
        .replace(/ crt \S+svid\.pem/, ''),
    ),
})

proxySuite({
  name: 'HAProxy, by RFC 9440',
  format: 'rfc9440',
  byOwn: true,
  start: () =>
    startHaproxy(
      settings.replace('format: haproxy', 'format: rfc9440'),
      config
        .replaceAll('X-SSL-Client-Cert', 'Client-Cert')
        .replace('%[ssl_c_der,base64]', ':%[ssl_c_der,base64]:')
        .replace('http-request del-header Client-Cert', '$&\n    http-request del-header Client-Cert-Chain'),
    ),
})
