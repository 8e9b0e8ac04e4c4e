import { pino, stdSerializers } from 'pino'
import { prettyFactory } from 'pino-pretty'
import type { Config } from './config.ts'
import type { Log } from './store/log.ts'

/** Where log lines go: `process.stdout`, or a test's. */
export type LogDestination = { write(text: string): unknown; readonly isTTY?: boolean }

const masks: readonly (readonly [RegExp, string])[] = [
  // A token's first 12 characters are its public id. One that is cut short or mistyped is masked alike:
  // most of its secret is still in it.
  [/(dtok|sk_live|sk_test|rk_live|rk_test|whsec)_([0-9A-Za-z+/]{12})[0-9A-Za-z+/=_-]+/g, '$1_$2…'],
  [/(?<![0-9A-Za-z_])up_[0-9A-Za-z_-]{16,}(\.[0-9A-Za-z_-]+)*/g, 'up_…'],
  [/(?<=Bearer\s+)(?!(?:dtok|sk_live|sk_test|rk_live|rk_test|up)_)[^\s"'\\]+/gi, '***'],
  [/([a-z][a-z0-9+.-]*:\/\/[^\s:@/"'\\]*):[^\s@/"'\\]+@/gi, '$1:***@'],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----/gs, '[private key]'],
]

/** The text without anything that opens something: tokens, bearers, passwords in URLs, private keys. */
export const redact = (text: string): string =>
  masks.reduce((masked, [pattern, shown]) => masked.replace(pattern, shown), text)

/**
 * Lapel's log: pretty on a terminal, a JSON object a line otherwise. Secrets are taken out of the finished
 * line, so neither the field nor the message they came in matters.
 */
export const createLog = (level: Config['log'], destination: LogDestination): Log => {
  const pretty = destination.isTTY
    ? prettyFactory({ colorize: true, translateTime: 'SYS:HH:MM:ss.l', ignore: 'pid,hostname' })
    : undefined
  const write = (line: string) => {
    const safe = redact(line)
    destination.write(pretty ? pretty(safe) : safe)
  }
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: {
        error: stdSerializers.err,
        err: stdSerializers.err,
        cause: stdSerializers.err,
        reason: stdSerializers.err,
      },
    },
    { write },
  )
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  }
}
