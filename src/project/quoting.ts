/** Foreign words inside of lines to paste: a folder may be called `$(x)`. */

/** A word of a shell's command line. */
export const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;

/** A text in YAML. */
export const yamlText = (value: string): string => (/^[\w./][\w ./-]*$/.test(value) ? value : JSON.stringify(value));
