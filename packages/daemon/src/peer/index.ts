export { peerPid, peerUser, processOfPid, processOfSocket } from './hold.ts'
