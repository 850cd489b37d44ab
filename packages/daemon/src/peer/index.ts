export { peerPid, peerUser, processOfPid, processOfSocket } from './hold.ts'
export { dropAmbientCapabilities } from './native.ts'
