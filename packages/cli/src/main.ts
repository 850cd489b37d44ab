import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

// Halves the start. The cache lies beside the code, where whoever can write can change the code as well; a cache in a
// home or temporary folder would let one user prepare what another one runs. Where it cannot be written there is none.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/compiled', import.meta.url)))

// Who kills the launcher means this process: an authority that lives on would hold its data folder.
process.once('disconnect', () => process.exit(137))
process.channel?.unref()

const { STOPPED } = await import('./exit-codes.ts')
const { processIo } = await import('./process-io.ts')
const { run } = await import('./program.ts')
const code = await run(process.argv.slice(2), processIo())
// What was stopped in the middle may still be asking an authority that has gone.
if (code === STOPPED) process.exit(code)
process.exitCode = code
