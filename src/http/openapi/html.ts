const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Markup that is safe as it stands. */
export class Html {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  toString(): string {
    return this.#text
  }
}

type Part = Html | string | number | undefined | false | readonly Part[]

const markupOf = (part: Part): string => {
  if (part === undefined || part === false) return ''
  if (part instanceof Html) return part.toString()
  if (Array.isArray(part)) return part.map(markupOf).join('')
  return String(part).replace(/[&<>"']/g, (char) => entities[char] ?? char)
}

/** Markup of a template: what is put in is escaped, unless it is markup itself. */
export const html = (text: TemplateStringsArray, ...parts: readonly Part[]): Html =>
  new Html(text.map((piece, i) => `${piece}${markupOf(parts[i])}`).join(''))

/** Prose with code between backticks. */
export const prose = (text: string | undefined): Html =>
  html`${(text ?? '').split('`').map((piece, i) => (i % 2 === 1 ? html`<code>${piece}</code>` : piece))}`
