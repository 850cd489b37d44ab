import { join } from 'node:path'
import { folderOf } from '../../../tools/interop.ts'
import { skipUnless } from '../programs.ts'
import { proxySuite } from './proxy.suite.ts'
import { ProxyStage, snippets } from './stage.ts'

const [settings, config] = snippets('## Envoy', 'yaml')

/** Envoy with the configuration of the guide. */
async function startEnvoy(): Promise<ProxyStage> {
  const stage = await ProxyStage.open(settings!)
  const file = stage.write('envoy.yaml', stage.adapted(config!))
  const quiet = [
    '--log-level',
    'warn',
    '--component-log-level',
    'connection:debug',
    '--log-path',
    join(stage.folder, 'error.log'),
  ]
  const flags = ['--concurrency', '1', '--use-dynamic-base-id', ...quiet]
  await stage.run(join(folderOf('envoy'), 'envoy/_bin/envoy'), ['-c', file, ...flags])
  return stage
}

proxySuite({ name: 'Envoy, by its own SVID', format: 'envoy', byOwn: true, start: startEnvoy, ...skipUnless('envoy') })
