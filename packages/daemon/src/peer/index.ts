export { peerPid, processOfPid, processOfSocket } from './hold.ts'
