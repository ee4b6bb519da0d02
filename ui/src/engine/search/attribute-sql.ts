/** Conditions on what only the server knows of a span, in SQL. The rules are those of `query/src/search/sql.rs`. */
import type { Leaf, Value } from "./tree";

/** A text as a SQL literal. */
export const sqlText = (text: string) => `'${text.replaceAll("'", "''")}'`;

/** Texts of a span that are columns; every other key is an attribute. */
const COLUMNS = new Set(["status_message", "scope_name", "scope_version", "trace_id", "parent_span_id"]);
/** Keys with rules of their own: what is asked of them here cannot be compared. */
const OTHERS = new Set(["service", "name", "operation", "status", "kind", "outcome", "duration", "span_id"]);
const COMPARISONS = [">", ">=", "<", "<="];

/** Null for words and for what cannot be compared so. */
export function attributeSql(leaf: Leaf): string | null {
  if (!("key" in leaf) || OTHERS.has(leaf.key)) return null;
  const text = keySql(leaf.key);
  const { op, value } = leaf;
  if (op === "*") return `${text} IS NOT NULL`;
  if (!value) return null;
  if (COMPARISONS.includes(op)) {
    const number = numberOf(value);
    return number === null ? null : `number(${text}) ${op} ${number}`;
  }
  if (leaf.key === "status_message" && op === ":" && !("pattern" in value) && !("regex" in value)) {
    return `match(${text}, ${sqlText("bare" in value ? value.bare : value.quoted)})`;
  }
  return equal(text, value);
}

function equal(text: string, value: Value): string {
  if ("pattern" in value) return `${text} LIKE ${sqlText(value.pattern.map((piece) => piece.replaceAll(/[\\%_]/g, String.raw`\$&`)).join("%"))}`;
  if ("regex" in value) return `${text} ${value.ignoreCase ? "~*" : "~"} ${sqlText(value.regex)}`;
  if ("quoted" in value) return `${text} = ${sqlText(value.quoted)}`;
  const number = numberOf(value);
  const same = `${text} = ${sqlText(value.bare)}`;
  return number === null ? same : `${same} OR number(${text}) = ${number}`;
}

function numberOf(value: Value): number | null {
  const number = "bare" in value && /\d/.test(value.bare) ? Number(value.bare) : Number.NaN;
  return Number.isFinite(number) ? number : null;
}

/** What a key of a search is in SQL, as text: a column, or an attribute of the span or of its resource. */
export function keySql(key: string): string {
  if (COLUMNS.has(key)) return key;
  const [, owner, rest] = /^(attributes|resource)\.(.+)$/s.exec(key) ?? [];
  if (owner !== undefined && rest !== undefined) return `${owner}[${sqlText(rest)}]`;
  return `coalesce(attributes[${sqlText(key)}], resource[${sqlText(key)}])`;
}
