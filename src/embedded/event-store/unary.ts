import type { sendUnaryData } from '@grpc/grpc-js'
import { Fault, invalid } from './faults.ts'

/** How a call ends that a fault, or something unforeseen, ended. */
export const faultOf = (error: unknown): Fault =>
  error instanceof Fault ? error : invalid(String(error))

export const reply = <Response>(work: Promise<Response>, callback: sendUnaryData<Response>): void =>
  void work.then(
    (response) => callback(null, response),
    (error: unknown) => callback(faultOf(error), null),
  )

/** A method with one request and one answer; what it throws ends the call. */
export const unary =
  <Request, Response>(answer: (request: Request) => Response | Promise<Response>) =>
  ({ request }: { readonly request: Request }, callback: sendUnaryData<Response>): void =>
    reply((async () => answer(request))(), callback)
