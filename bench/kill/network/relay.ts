// Stands in the middle of the namespaces: takes VXLAN datagrams of one and gives them to the other, late or not at all.
import { createSocket, type Socket } from 'node:dgram'
import process from 'node:process'
import { completeChecksum, VXLAN_HEADER } from './checksum.ts'

/** What happens to each packet. */
export interface Trouble {
  readonly delayMs: number
  /** 0 to 100. */
  readonly lossPercent: number
}

const PORT = 4789
const BUFFER = 4 * 2 ** 20

interface Waiting {
  readonly due: number
  readonly packet: Buffer
  readonly address: string
}

/** All wait equally long, so the first to come is the first to leave. */
class DelayLine {
  readonly #socket: Socket
  readonly #trouble: Trouble
  #waiting: Waiting[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(socket: Socket, trouble: Trouble) {
    this.#socket = socket
    this.#trouble = trouble
  }

  add(packet: Buffer, address: string): void {
    if (Math.random() * 100 < this.#trouble.lossPercent) return
    this.#waiting.push({ due: performance.now() + this.#trouble.delayMs, packet, address })
    this.#timer ??= setTimeout(() => this.#release(), this.#trouble.delayMs)
  }

  #release(): void {
    const now = performance.now()
    const late = this.#waiting.findIndex(({ due }) => due > now)
    const ready = late < 0 ? this.#waiting : this.#waiting.slice(0, late)
    this.#waiting = late < 0 ? [] : this.#waiting.slice(late)
    for (const { packet, address } of ready) this.#socket.send(packet, PORT, address)
    const next = this.#waiting[0]
    this.#timer = next && setTimeout(() => this.#release(), Math.max(1, next.due - now))
  }
}

/** Where a frame wants to go: the last byte of its hardware address is the number of a place. Group addresses go nowhere. */
function goalOf(packet: Buffer): string | null {
  const first = packet[VXLAN_HEADER]!
  return (first & 1) === 1 ? null : `10.98.${packet[VXLAN_HEADER + 5]}.2`
}

function relay(trouble: Trouble): void {
  const socket = createSocket({ type: 'udp4', recvBufferSize: BUFFER, sendBufferSize: BUFFER })
  const line = new DelayLine(socket, trouble)
  socket.on('message', packet => {
    const goal = goalOf(packet)
    if (goal === null) return
    completeChecksum(packet)
    line.add(packet, goal)
  })
  // A place that is gone already answers that nobody is there.
  socket.on('error', error => console.error(`relay: ${error.message}`))
  socket.bind(PORT, () => process.send?.('relaying'))
  process.once('disconnect', () => process.exit())
}

relay(JSON.parse(process.argv[2]!) as Trouble)
