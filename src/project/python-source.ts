/** Bytes of a Python file made text as Python does it (PEP 263), and offsets made lines. */

/** Lines and columns are 1-based, columns in UTF-16 units. */
export interface Position {
  line: number;
  column: number;
}

/** `problem`: Python would refuse to decode it; the text is then our best reading. */
export interface Decoded {
  source: string;
  problem?: { line: number; detail: string };
}

const COOKIE = /^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)/;
/** Codecs that Python has and the platform's decoder lacks. Their ASCII is ASCII, which is all that matters to us. */
const OTHER_CODECS =
  /^(cp\d+|windows-?\d+|iso-?8859-?\d+|latin-?\d+|l\d|koi8-[rut]|mac-?[a-z]+|hp-?roman8|gb\w*|hz|big5\w*|euc-?\w+|shift-?jis\w*|s-?jis\w*|iso-?2022-\w+|johab|ptcp154|kz1048|tis-?620|cyrillic|greek|hebrew|arabic)$/;

/** Decodes a Python file: UTF-8, unless a byte order mark or a coding line says otherwise. */
export function decodePython(bytes: Uint8Array): Decoded {
  const marked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  const content = marked ? bytes.subarray(3) : bytes;
  const [first = "", second = ""] = Buffer.from(content.subarray(0, 400))
    .toString("latin1")
    .split(/\r\n|\r|\n/, 2);
  const inFirst = COOKIE.exec(first);
  const cookie = inFirst ?? (/^[ \t\f]*(#.*)?$/.test(first) ? COOKIE.exec(second) : null);
  const line = inFirst ? 1 : 2;
  const name = cookie?.[1]!.toLowerCase().replaceAll("_", "-");
  if (name === undefined || /^(utf-?8|u8|utf|cp65001)(-.*)?$/.test(name)) return decodeUtf8(content);
  if (marked)
    return {
      source: Buffer.from(content).toString("utf8"),
      problem: { line, detail: `encoding problem: ${cookie![1]} with BOM` },
    };
  const latin = Buffer.from(content).toString("latin1");
  if (/^(latin-?1|iso-?8859-?1|l1|cp819)(-.*)?$/.test(name)) return { source: latin };
  if (/^(us-?)?ascii$|^646$/.test(name)) {
    const odd = /[\x80-\xff]/.exec(latin);
    return odd
      ? { source: latin, problem: { line: lineOf(latin, odd.index), detail: "'ascii' codec can't decode a byte here" } }
      : { source: latin };
  }
  try {
    return { source: new TextDecoder(name).decode(content) };
  } catch {
    return OTHER_CODECS.test(name)
      ? { source: latin }
      : { source: latin, problem: { line, detail: `unknown encoding: ${cookie![1]}` } };
  }
}

const STRICT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decodeUtf8(bytes: Uint8Array): Decoded {
  try {
    return { source: STRICT.decode(bytes) };
  } catch {
    const loose = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
    return {
      source: Buffer.from(bytes).toString("latin1"),
      problem: {
        line: lineOf(loose, loose.indexOf("\ufffd")),
        detail: "this is not UTF-8, and no coding line names another encoding",
      },
    };
  }
}

const lineOf = (source: string, offset: number) => source.slice(0, offset).split(/\r\n|\r|\n/).length;

/** Makes the function that tells line and column of an offset. */
export function positionsIn(source: string): (offset: number) => Position {
  const starts = [0];
  if (source.includes("\r")) for (const end of source.matchAll(/\r\n|\r|\n/g)) starts.push(end.index + end[0].length);
  else for (let end = source.indexOf("\n"); end !== -1; end = source.indexOf("\n", end + 1)) starts.push(end + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - starts[low]! + 1 };
  };
}
