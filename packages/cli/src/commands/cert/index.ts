import { list, revoke } from './records.ts'
import { request } from './request.ts'

export const certCommands = [request, list, revoke]
