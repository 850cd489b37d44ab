// Makes the tarball of the SDK: `node tools/node.mjs tools/pack.ts [--out FOLDER]` prints its path.
//
// Node refuses to strip types under node_modules, so what is published is JavaScript with declarations. The protocol
// goes along inside, as source of the same package: whoever installs the SDK gets it and undici, and nothing else.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const ROOT = resolve(fileURLToPath(import.meta.url), '../..')
const CACHE = join(ROOT, '.cache')
/** Where the entry points of the protocol come to lie under `dist`. */
const VENDORED: Readonly<Record<string, string>> = {
  '@lanyard/protocol': 'protocol/index.js',
  '@lanyard/protocol/node': 'protocol/node/index.js',
}
const SPECIFIER = /(\bfrom\s*|\bimport\s*\(?\s*)(['"])(@lanyard\/[a-z/-]+)\2/g

/** Packs the SDK into `out`; returns the path of the tarball. */
export function packSdk(out: string): string {
  mkdirSync(CACHE, { recursive: true })
  mkdirSync(out, { recursive: true })
  const stage = mkdtempSync(join(CACHE, 'pack-'))
  try {
    emit(stage)
    const folder = join(stage, 'package')
    assemble(stage, folder)
    const json = execFileSync('npm', ['pack', '--json', '--pack-destination', resolve(out)], {
      cwd: folder,
      encoding: 'utf8',
    })
    const [{ filename }] = JSON.parse(json) as [{ filename: string }]
    return join(resolve(out), filename)
  } finally {
    rmSync(stage, { recursive: true, force: true })
  }
}

/** Compiles the SDK, and of the protocol what it reaches, into `stage/emitted`. */
function emit(stage: string): void {
  const options = {
    extends: join(ROOT, 'tsconfig.base.json'),
    compilerOptions: {
      types: ['node'],
      noEmit: false,
      declaration: true,
      rewriteRelativeImportExtensions: true,
      rootDir: join(ROOT, 'packages'),
      outDir: join(stage, 'emitted'),
      // Found by way of node_modules they would count as somebody else's, and not be emitted.
      paths: {
        '@lanyard/protocol': [join(ROOT, 'packages/protocol/src/index.ts')],
        '@lanyard/protocol/node': [join(ROOT, 'packages/protocol/src/node/index.ts')],
      },
    },
    files: [join(ROOT, 'packages/sdk/src/index.ts')],
  }
  const config = join(stage, 'tsconfig.json')
  writeFileSync(config, JSON.stringify(options))
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  execFileSync(process.execPath, [tsc, '-p', config], { stdio: ['ignore', 'inherit', 'inherit'] })
}

function assemble(stage: string, folder: string): void {
  const dist = join(folder, 'dist')
  cpSync(join(stage, 'emitted/sdk/src'), dist, { recursive: true })
  cpSync(join(stage, 'emitted/protocol/src'), join(dist, 'protocol'), { recursive: true })
  for (const file of filesUnder(dist)) writeFileSync(file, relink(readFileSync(file, 'utf8'), file, dist))
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest(), null, 2)}\n`)
  cpSync(join(ROOT, 'packages/sdk/README.md'), join(folder, 'README.md'))
  cpSync(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'))
}

/** Points imports at the vendored copy; a package of ours that is not vendored is an error, not a surprise at run time. */
function relink(text: string, file: string, dist: string): string {
  const linked = text.replace(SPECIFIER, (_all, before: string, quote: string, name: string) => {
    const target = VENDORED[name]
    if (target === undefined) throw new Error(`${relative(dist, file)} imports ${name}, which does not go along`)
    const path = relative(dirname(file), join(dist, target)).split(sep).join('/')
    return `${before}${quote}${path.startsWith('.') ? path : `./${path}`}${quote}`
  })
  // Declarations keep the extension of the source.
  return file.endsWith('.d.ts')
    ? linked.replace(/(\bfrom\s*|\bimport\s*\(?\s*)(['"])(\.[^'"]*)\.ts\2/g, '$1$2$3.js$2')
    : linked
}

/** The manifest of the workspace, less what speaks of the source. */
function manifest(): Record<string, unknown> {
  const source = JSON.parse(readFileSync(join(ROOT, 'packages/sdk/package.json'), 'utf8')) as Record<string, unknown>
  const { undici } = source.dependencies as Record<string, string>
  return {
    ...source,
    exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' } },
    files: ['dist'],
    engines: { node: '>=22.19' },
    dependencies: { undici },
  }
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const at = process.argv.indexOf('--out')
  console.log(packSdk(at < 0 ? ROOT : (process.argv[at + 1] ?? ROOT)))
}
