export { processOfPid, processOfSocket } from './hold.ts'
export { parentOf } from './parent.ts'
