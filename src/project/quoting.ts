/** Foreign words inside of lines to paste: a folder may be called `$(x)`. */

/** A word of a shell's command line. */
export const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;

/** What YAML takes for the end of a line or does not take at all, but JSON leaves as it is. */
const NOT_IN_YAML = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;

/** A text in YAML, always in quotes: never a number, a date or a truth. */
export const yamlQuoted = (value: string): string =>
  JSON.stringify(value).replace(NOT_IN_YAML, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** A text in YAML, quoted where it must be. */
export const yamlText = (value: string): string => (/^[\w./](?:[\w ./-]*[\w./-])?$/.test(value) ? value : yamlQuoted(value));
