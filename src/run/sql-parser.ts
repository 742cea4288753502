/** The parser of SQL, by itself: it is larger than all else together, and is loaded when it is needed. */
export { parse } from "sql-parser-cst";
