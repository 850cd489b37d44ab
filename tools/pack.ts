// Makes the tarballs of what goes into the programs of others: `node tools/node.mjs tools/pack.ts [--out FOLDER]`
// prints the path of each.
//
// Node refuses to strip types under node_modules, so what is published is JavaScript with declarations. What a package
// needs of ours goes along inside, as source of the same package: whoever installs the SDK gets it and undici, and
// nothing else. The policies of guards are a package beside it, since they carry an engine.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const ROOT = resolve(fileURLToPath(import.meta.url), '../..')
const CACHE = join(ROOT, '.cache')
const SPECIFIER = /(\bfrom\s*|\bimport\s*\(?\s*)(['"])(@lanyard\/[a-z/-]+)\2/g

interface Packing {
  readonly name: 'sdk' | 'policy'
  /** Entry points: export → source, seen from `src`. */
  readonly entries: Readonly<Record<string, string>>
  /**
   * Packages of ours that go along, by the entry points that are imported: specifier → source, seen from `packages`.
   */
  readonly vendored: Readonly<Record<string, string>>
  /** Packages of ours that stand beside it: specifier → source. */
  readonly beside: Readonly<Record<string, string>>
  /** Where what it needs of others is listed: packages of ours. */
  readonly needs: readonly string[]
}

const PROTOCOL = {
  '@lanyard/protocol': 'protocol/src/index.ts',
  '@lanyard/protocol/node': 'protocol/src/node/index.ts',
}

const SDK: Packing = {
  name: 'sdk',
  entries: { '.': 'index.ts' },
  vendored: PROTOCOL,
  beside: {},
  needs: ['sdk', 'protocol'],
}

const POLICY: Packing = {
  name: 'policy',
  entries: { '.': 'index.ts', './guard': 'guard/index.ts' },
  vendored: { ...PROTOCOL, '@lanyard/api': 'api/src/index.ts' },
  beside: { '@lanyard/sdk': 'sdk/src/index.ts' },
  needs: ['policy', 'api', 'protocol'],
}

/** Packs the SDK into `out`; returns the path of the tarball. */
export const packSdk = (out: string): string => pack(SDK, out)

/** Packs the policies of guards into `out`, to be installed beside the SDK; returns the path of the tarball. */
export const packPolicy = (out: string): string => pack(POLICY, out)

function pack(packing: Packing, out: string): string {
  mkdirSync(CACHE, { recursive: true })
  mkdirSync(out, { recursive: true })
  const stage = mkdtempSync(join(CACHE, 'pack-'))
  try {
    emit(packing, stage)
    const folder = join(stage, 'package')
    assemble(packing, stage, folder)
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

/** Compiles the package, and of those that go along what it reaches, into `stage/emitted`. */
function emit({ name, entries, vendored, beside }: Packing, stage: string): void {
  const source = (path: string) => join(ROOT, 'packages', path)
  const options = {
    extends: join(ROOT, 'tsconfig.base.json'),
    compilerOptions: {
      types: ['node'],
      typeRoots: [join(ROOT, 'node_modules/@types')],
      noEmit: false,
      declaration: true,
      rewriteRelativeImportExtensions: true,
      rootDir: join(ROOT, 'packages'),
      outDir: join(stage, 'emitted'),
      // Found by way of node_modules they would count as somebody else's, and not be emitted; what these import
      // neither.
      paths: Object.fromEntries(
        Object.entries({ ...vendored, ...beside }).map(([specifier, path]) => [specifier, [source(path)]]),
      ),
    },
    files: Object.values(entries).map(entry => source(`${name}/src/${entry}`)),
  }
  const config = join(stage, 'tsconfig.json')
  writeFileSync(config, JSON.stringify(options))
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  execFileSync(process.execPath, [tsc, '-p', config], { stdio: ['ignore', 'inherit', 'inherit'] })
}

function assemble(packing: Packing, stage: string, folder: string): void {
  const dist = join(folder, 'dist')
  cpSync(join(stage, `emitted/${packing.name}/src`), dist, { recursive: true })
  const along = new Set(Object.values(packing.vendored).map(path => path.split('/', 1)[0]!))
  for (const name of along) cpSync(join(stage, `emitted/${name}/src`), join(dist, name), { recursive: true })
  for (const file of filesUnder(dist)) writeFileSync(file, relink(packing, readFileSync(file, 'utf8'), file, dist))
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest(packing), null, 2)}\n`)
  const readme = join(ROOT, `packages/${packing.name}/README.md`)
  if (existsSync(readme)) cpSync(readme, join(folder, 'README.md'))
  cpSync(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'))
}

/**
 * Points imports at the vendored copy; a package of ours that is not vendored is an error, not a surprise at run time.
 */
function relink({ vendored, beside }: Packing, text: string, file: string, dist: string): string {
  const linked = text.replace(SPECIFIER, (all, before: string, quote: string, name: string) => {
    if (Object.hasOwn(beside, name)) return all
    const source = vendored[name]
    if (source === undefined) throw new Error(`${relative(dist, file)} imports ${name}, which does not go along`)
    const target = source.replace('/src/', '/').replace(/\.ts$/, '.js')
    const path = relative(dirname(file), join(dist, target)).split(sep).join('/')
    return `${before}${quote}${path.startsWith('.') ? path : `./${path}`}${quote}`
  })
  // Declarations keep the extension of the source.
  return file.endsWith('.d.ts')
    ? linked.replace(/(\bfrom\s*|\bimport\s*\(?\s*)(['"])(\.[^'"]*)\.ts\2/g, '$1$2$3.js$2')
    : linked
}

/** The manifest of the workspace, less what speaks of the source. */
function manifest({ name, entries, beside, needs }: Packing): Record<string, unknown> {
  const source = manifestOf(name)
  const listed = Object.assign({}, ...needs.map(name => manifestOf(name).dependencies ?? {})) as Record<string, string>
  const own = Object.entries(listed).filter(([dependency]) => !dependency.startsWith('@lanyard/'))
  const peers = Object.fromEntries(Object.keys(beside).map(dependency => [dependency, listed[dependency]]))
  return {
    ...source,
    exports: Object.fromEntries(Object.entries(entries).map(([path, entry]) => [path, published(entry)])),
    files: ['dist'],
    engines: { node: '>=22.19' },
    dependencies: Object.fromEntries(own),
    ...(Object.keys(peers).length > 0 ? { peerDependencies: peers } : {}),
  }
}

const manifestOf = (name: string) =>
  JSON.parse(readFileSync(join(ROOT, `packages/${name}/package.json`), 'utf8')) as Record<string, unknown>

const published = (entry: string) => {
  const path = `./dist/${entry.replace(/\.ts$/, '')}`
  return { types: `${path}.d.ts`, default: `${path}.js` }
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const at = process.argv.indexOf('--out')
  const out = at < 0 ? ROOT : (process.argv[at + 1] ?? ROOT)
  for (const pack of [packSdk, packPolicy]) console.log(pack(out))
}
