/** A log that keeps its lines for a test to look at. */
export const keepLog = () => {
  const lines: { readonly level: string; readonly fields: object; readonly message: string }[] = []
  const level = (name: string) => (fields: object, message: string) => {
    lines.push({ level: name, fields, message })
  }
  return {
    lines,
    log: { debug: level('debug'), info: level('info'), warn: level('warn'), error: level('error') },
  }
}
