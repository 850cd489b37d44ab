import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

// Halves the start. The cache lies beside the code, where whoever can write can change the code as well; a cache in a
// home or temporary folder would let one user prepare what another one runs. Where it cannot be written there is none.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/compiled', import.meta.url)))

// Who kills the launcher means this process: an authority that lives on would hold its data folder.
process.once('disconnect', () => process.exit(137))
process.channel?.unref()

const { processIo } = await import('./process-io.ts')
const { run } = await import('./program.ts')
process.exitCode = await run(process.argv.slice(2), processIo())
