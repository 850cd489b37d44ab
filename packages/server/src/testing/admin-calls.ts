import assert from 'node:assert/strict'
import type { Answer, CallOptions } from './client.ts'

/** Calls with an admin's API key; `options` may put another credential in its place. */
export interface AdminCalls {
  call(line: string, body?: object, options?: CallOptions): Promise<Answer>
  /** One that must be answered with this status; gives the body. */
  ok(line: string, status: number, body?: object, options?: CallOptions): Promise<Answer['body']>
  /** One that must be refused with this code; gives the problem. */
  refused(code: string, line: string, body?: object, options?: CallOptions): Promise<Answer['body']>
}

interface Server {
  call(line: string, options?: CallOptions): Promise<Answer>
}

/** `server` and `admin` are asked for at each call, since tests make them before they run. */
export function adminCalls(server: () => Server, admin: () => string): AdminCalls {
  const call: AdminCalls['call'] = (line, body, options = {}) =>
    server().call(line, { token: admin(), ...(body === undefined ? {} : { body }), ...options })
  return {
    call,
    async ok(line, status, body, options) {
      const answer = await call(line, body, options)
      assert.equal(answer.status, status, answer.text)
      return answer.body
    },
    async refused(code, line, body, options) {
      const answer = await call(line, body, options)
      assert.equal(answer.body?.code, code, answer.text)
      return answer.body
    },
  }
}
