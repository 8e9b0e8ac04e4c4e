/** Where a part of Lapel writes what an operator should know. The fields come before the message, as in pino. */
export type Log = Readonly<
  Record<'debug' | 'info' | 'warn' | 'error', (fields: object, message: string) => void>
>
