/** HTML as a value: whatever is no Html is foreign text, and is escaped. */
import { xmlText } from "../escape.ts";

/** A piece of HTML that is safe to write as it is. */
export interface Html {
  readonly html: string;
}

type Child = Html | string | number | undefined | false | readonly Child[];

type Attributes = Record<string, string | number | boolean | undefined>;

/** Elements without content. */
const VOID = new Set(["meta", "path", "rect", "circle", "line", "br"]);

function content(child: Child): string {
  if (child === undefined || child === false) return "";
  if (typeof child === "string" || typeof child === "number") return xmlText(String(child));
  return "html" in child ? child.html : child.map(content).join("");
}

/** An element. An attribute that is undefined or false is left out, one that is true has no value. */
export function element(tag: string, attributes: Attributes = {}, ...children: Child[]): Html {
  const written = Object.entries(attributes).map(([name, value]) =>
    value === undefined || value === false ? "" : value === true ? ` ${name}` : ` ${name}="${xmlText(String(value))}"`,
  );
  const open = `<${tag}${written.join("")}`;
  return { html: VOID.has(tag) ? `${open}/>` : `${open}>${children.map(content).join("")}</${tag}>` };
}

/** Several pieces, one after the other. */
export const join = (...children: Child[]): Html => ({ html: children.map(content).join("") });

/** Text that is ours: style sheets. */
export const raw = (html: string): Html => ({ html });
