// Makes packages/daemon/gen from packages/daemon/proto: `npm run proto`. It needs `protoc`, from Debian's
// protobuf-compiler or from the Python package grpcio-tools; whoever uses or builds the daemon needs neither.
import { spawnSync } from 'node:child_process'
import { globSync, mkdirSync, rmSync } from 'node:fs'
import process from 'node:process'

const daemon = 'packages/daemon'
const sources = globSync('**/*.proto', { cwd: `${daemon}/proto` }).toSorted()
const compilers = [['protoc'], ['python3', '-m', 'grpc_tools.protoc']] as const
const compiler = compilers.find(([program, ...args]) => spawnSync(program, [...args, '--version']).status === 0)
if (compiler === undefined)
  throw new Error('protoc is missing: apt-get install protobuf-compiler, or pip install grpcio-tools')

rmSync(`${daemon}/gen`, { recursive: true, force: true })
// Not TypeScript: its enums are not erasable.
const options = ['--plugin=node_modules/.bin/protoc-gen-es', '--es_opt=target=js+dts,import_extension=js']
const [program, ...args] = compiler
const all = [...args, `-I${daemon}/proto`, ...options, `--es_out=${daemon}/gen`, ...sources]
// protoc makes the folders inside, not the outermost one.
mkdirSync(`${daemon}/gen`)
process.exitCode = spawnSync(program, all, { stdio: 'inherit' }).status ?? 1
