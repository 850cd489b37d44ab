import { type DescFile, type DescService, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import { Code } from '@connectrpc/connect'
import type {
  ServerReflectionRequest,
  ServerReflectionResponseSchema,
} from '../../gen/grpc/reflection/v1/reflection_pb.js'

type Response = MessageInitShape<typeof ServerReflectionResponseSchema>
type Answer = NonNullable<Response['messageResponse']>

/**
 * gRPC reflection: which services there are and how they are described. Public knowledge, the same for everyone. The
 * messages of v1 and v1alpha are the same but for the name of their package, so one implementation serves both.
 */
export function reflection(services: readonly DescService[]) {
  const index = new Index(services)
  return {
    async *serverReflectionInfo(requests: AsyncIterable<ServerReflectionRequest>): AsyncGenerator<Response> {
      for await (const { messageRequest, host } of requests)
        yield {
          validHost: host,
          originalRequest: { host, messageRequest },
          messageResponse: index.answer(messageRequest),
        }
    },
  }
}

class Index {
  readonly #services: readonly DescService[]
  readonly #files = new Map<string, DescFile>()
  readonly #symbols = new Map<string, DescFile>()

  constructor(services: readonly DescService[]) {
    this.#services = services
    for (const { file } of services) this.#add(file)
  }

  answer(request: ServerReflectionRequest['messageRequest']): Answer {
    switch (request.case) {
      case 'listServices':
        return {
          case: 'listServicesResponse',
          value: { service: this.#services.map(({ typeName: name }) => ({ name })) },
        }
      case 'fileByFilename':
        return described(this.#files.get(request.value))
      case 'fileContainingSymbol':
        return described(this.#symbols.get(request.value))
      case 'allExtensionNumbersOfType':
        return this.#symbols.has(request.value)
          ? { case: 'allExtensionNumbersResponse', value: { baseTypeName: request.value } }
          : refused(Code.NotFound, 'there is no such type')
      case 'fileContainingExtension':
        return refused(Code.NotFound, 'there are no extensions')
      case undefined:
        return refused(Code.InvalidArgument, 'expected a question')
    }
  }

  #add(file: DescFile): void {
    const name = nameOf(file)
    if (this.#files.has(name)) return
    this.#files.set(name, file)
    for (const { typeName } of [...file.enums, ...file.services, ...file.messages]) this.#symbols.set(typeName, file)
    for (const { methods, typeName } of file.services)
      for (const method of methods) this.#symbols.set(`${typeName}.${method.name}`, file)
    for (const message of file.messages) this.#addMessage(message, file)
    for (const dependency of file.dependencies) this.#add(dependency)
  }

  #addMessage({ typeName, nestedMessages, nestedEnums, fields }: DescFile['messages'][number], file: DescFile): void {
    this.#symbols.set(typeName, file)
    for (const field of fields) this.#symbols.set(`${typeName}.${field.name}`, file)
    for (const { typeName: name } of nestedEnums) this.#symbols.set(name, file)
    for (const nested of nestedMessages) this.#addMessage(nested, file)
  }
}

/** The description of a file and of all that it needs, so that nobody has to ask again: each before what it imports. */
function described(file: DescFile | undefined): Answer {
  if (file === undefined) return refused(Code.NotFound, 'there is no such symbol or file')
  const seen = new Set<DescFile>()
  const all: DescFile[] = []
  const visit = (one: DescFile) => {
    if (seen.has(one)) return
    seen.add(one)
    one.dependencies.forEach(visit)
    all.unshift(one)
  }
  visit(file)
  const fileDescriptorProto = all.map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto))
  return { case: 'fileDescriptorResponse', value: { fileDescriptorProto } }
}

// A DescFile's name is without its ending.
const nameOf = ({ proto }: DescFile): string => proto.name

const refused = (errorCode: Code, errorMessage: string): Answer => ({
  case: 'errorResponse',
  value: { errorCode, errorMessage },
})
