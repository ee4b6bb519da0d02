/**
 * The parser of the search box. `query/src/search/parser.rs` is its twin and has the last word: both are held to
 * `tests/data/search/cases.json`. Positions count characters (code points), not UTF-16 units.
 */
import { LENGTH_MAX, Reader, Refused, type SearchProblem, type Token } from "./reader";
import {
  and,
  asksForPlaces,
  beginsKey,
  continuesKey,
  isBlank,
  type Leaf,
  mapTree,
  not,
  or,
  printCondition,
  printTraceLeaf,
  printTree,
  type Raw,
  spansOnly,
  TRACE_KEYS,
  type TraceLeaf,
  type Tree,
  type Value,
  WORD_CHARACTER,
  wholeTrace,
} from "./tree";

export type Subject = "logs" | "traces";

const RELATIONS = ["=>", "->"];

export interface ParsedSearch {
  tree: Tree<Raw> | null;
  problem: SearchProblem | null;
  /** In the order of the text, as far as it could be read. */
  tokens: Token[];
}

export function parseSearch(text: string, subject: Subject): ParsedSearch {
  const parser = new Parser(Array.from(text), subject);
  try {
    return { tree: parser.whole(), problem: null, tokens: parser.tokens };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { tree: null, problem: error.problem, tokens: parser.tokens };
  }
}

/** The canonical text of a search; null when it cannot be read. */
export function canonicalSearch(text: string, subject: Subject): string | null {
  const { tree } = parseSearch(text, subject);
  if (!tree) return null;
  const condition = spansOnly(tree);
  if (condition && subject === "traces" && asksForPlaces(condition)) return printTraceLeaf({ some: condition });
  return condition ? printCondition(condition) : printTree(wholeTrace(tree), printTraceLeaf);
}

interface Key {
  text: string;
  start: number;
  op: string;
}

type Part = Tree<Raw> | null;

class Parser extends Reader {
  constructor(
    text: string[],
    private subject: Subject,
  ) {
    super(text);
  }

  whole(): Tree<Raw> {
    if (this.text.length > LENGTH_MAX) {
      this.refuse(LENGTH_MAX, this.text.length, `the search is longer than ${LENGTH_MAX} characters`, "shorten it, or ask in SQL");
    }
    const tree = this.any();
    const closing = this.peek();
    if (closing !== undefined) {
      this.refuse(this.at, this.at + 1, `${closing} closes nothing`, `remove it, or put the text in quotes: "${closing}"`);
    }
    return tree ?? { and: [] };
  }

  private any(): Part {
    const parts: Tree<Raw>[] = [];
    const first = this.all();
    if (first) parts.push(first);
    for (let length = this.keyword("OR", "||"); length > 0; length = this.keyword("OR", "||")) {
      const start = this.at;
      const hint = 'write a OR b, or "OR" for the word';
      if (parts.length === 0) this.refuse(start, start + length, "OR needs a condition before it", hint);
      this.take(length, "keyword");
      const next = this.all();
      if (!next) this.refuse(start, start + length, "OR needs a condition after it", hint);
      parts.push(next);
    }
    return parts.length === 0 ? null : or(parts);
  }

  private all(): Part {
    const parts: Tree<Raw>[] = [];
    let operator: [number, number] | null = null;
    const hint = 'write a AND b, or "AND" for the word';
    for (;;) {
      this.skipBlanks();
      const length = this.keyword("AND", "&&");
      if (length > 0) {
        const start = this.at;
        if (parts.length === 0 || operator) this.refuse(start, start + length, "AND needs a condition before it", hint);
        operator = [start, start + length];
        this.take(length, "keyword");
        continue;
      }
      const c = this.peek();
      if (c === undefined || c === ")" || c === "}" || this.keyword("OR", "||") > 0) {
        if (operator) this.refuse(operator[0], operator[1], "AND needs a condition after it", hint);
        return parts.length === 0 ? null : and(parts);
      }
      const part = this.one();
      if (part) {
        parts.push(part);
        operator = null;
      }
    }
  }

  private one(): Part {
    const start = this.at;
    let negations = 0;
    for (;;) {
      const c = this.peek();
      const behind = this.text[this.at + 1];
      const sign = (c === "-" || c === "!") && behind !== undefined && !isBlank(behind) && !")}>".includes(behind);
      const length = sign ? 1 : this.keyword("NOT", "");
      if (length === 0) break;
      this.take(length, sign ? "operator" : "keyword");
      if (!sign) {
        this.skipBlanks();
        const next = this.peek();
        if (next === undefined || next === ")" || next === "}") {
          this.refuse(start, start + length, "NOT needs a condition after it", 'write NOT a, or "NOT" for the word');
        }
      }
      negations += 1;
    }
    const negated = this.at;
    const part = this.primary();
    if (negations % 2 === 0) return part;
    if (/^\*+$/.test(this.text.slice(negated, this.at).join(""))) {
      this.refuse(start, this.at, "the opposite of * is nothing", "remove it, or say of what: -key:* finds what has no such value");
    }
    return part && not(part);
  }

  private primary(): Part {
    const start = this.at;
    if (this.subject === "traces") {
      const part = this.traceCondition();
      if (part) return part;
    }
    switch (this.peek()) {
      case "(":
        return this.parentheses(null);
      case '"':
        return this.quotedPart(start);
      case "{":
        if (this.subject === "logs") {
          const hint = "ask about traces on the Traces screen, or put the text in quotes";
          this.refuse(start, start + 1, "braces ask about the spans of a trace", hint);
        }
    }
    return this.barePart(start);
  }

  private parentheses(key: Key | null): Part {
    const open = this.at;
    this.enter(open, open + 1);
    this.take(1, "bracket");
    const inner = key ? this.anyValue(key) : this.any();
    const c = this.peek();
    if (c !== ")") {
      const message = c === undefined ? "( is not closed" : `( is closed by ${c}`;
      this.refuse(open, open + 1, message, 'add ), or put the text in quotes: "("');
    }
    this.take(1, "bracket");
    this.depth -= 1;
    if (!inner) this.refuse(open, this.at, "empty parentheses", 'write a condition in them, or put the text in quotes: "()"');
    return inner;
  }

  private quotedPart(start: number): Part {
    const text = this.quoted();
    const end = this.at;
    const op = this.operator();
    if (op) {
      this.token(start, "key", end);
      this.token(this.at - op.length, "operator");
      return this.field({ text, start, op: op.length > 1 && op.startsWith(":") ? op.slice(1) : op });
    }
    this.token(start, "string");
    this.countTerm(start);
    return WORD_CHARACTER.test(text) ? { leaf: { span: { phrase: text } } } : null;
  }

  private barePart(start: number): Part {
    if (beginsKey(this.peek())) {
      while (continuesKey(this.peek())) this.at += 1;
      const end = this.at;
      const text = this.text.slice(start, end).join("");
      const op = this.operator();
      if (op) {
        this.token(start, "key", end);
        this.token(this.at - op.length, "operator");
        return this.field({ text, start, op: op.length > 1 && op.startsWith(":") ? op.slice(1) : op });
      }
      this.at = start;
    }
    const op = this.comparison();
    if (op) this.refuse(this.at, this.at + op.length, `${op} needs a key before it`, 'write key>5, or put the text in quotes: ">"');
    const pieces = this.bare();
    this.token(start, "word");
    this.countTerm(start);
    const leaf: Leaf = pieces.length === 1 ? { words: pieces[0]! } : { wordPattern: pieces };
    return pieces.some((piece) => WORD_CHARACTER.test(piece)) ? { leaf: { span: leaf } } : null;
  }

  private field(key: Key): Tree<Raw> {
    if (key.op !== ":") this.skipBlanks();
    if (this.peek() === "(" && [":", "=", "!="].includes(key.op)) {
      const values = this.parentheses({ ...key, op: key.op === "!=" ? "=" : key.op }) ?? { and: [] };
      return key.op === "!=" ? not(values) : values;
    }
    return this.value(key);
  }

  private anyValue(key: Key): Part {
    const parts: Tree<Raw>[] = [];
    for (;;) {
      const all: Tree<Raw>[] = [];
      for (;;) {
        this.skipBlanks();
        const length = this.keyword("AND", "&&");
        if (length > 0) {
          this.take(length, "keyword");
          continue;
        }
        const c = this.peek();
        if (c === undefined || c === ")" || c === "}" || this.keyword("OR", "||") > 0) break;
        all.push(this.oneValue(key));
      }
      if (all.length > 0) parts.push(and(all));
      const length = this.keyword("OR", "||");
      if (length === 0) break;
      this.take(length, "keyword");
    }
    return parts.length === 0 ? null : or(parts);
  }

  private oneValue(key: Key): Tree<Raw> {
    let negated = false;
    for (;;) {
      const c = this.peek();
      const digit = /^[0-9]$/.test(this.text[this.at + 1] ?? "");
      if ((c === "-" || c === "!") && !this.startsWith("!=") && !digit) this.take(1, "operator");
      else {
        const length = this.keyword("NOT", "");
        if (length === 0) break;
        this.take(length, "keyword");
        this.skipBlanks();
      }
      negated = !negated;
    }
    let value: Tree<Raw>;
    if (this.peek() === "(") value = this.parentheses(key) ?? { and: [] };
    else {
      const op = this.comparison();
      if (op) this.take(op.length, "operator");
      this.skipBlanks();
      value = this.value({ ...key, op: op || key.op });
    }
    return negated ? not(value) : value;
  }

  private value(key: Key): Tree<Raw> {
    const start = this.at;
    const c = this.peek();
    const value: Value = c === '"' ? { quoted: this.quoted() } : ((c === "/" ? this.regex() : null) ?? this.bareValue());
    if (this.at === start) {
      const written = `${key.text}${key.op}`;
      const any = key.op === ":" ? `, ${written}* for any value` : "";
      this.refuse(key.start, this.at, `${written} needs a value`, `write ${written}value${any}, or put the text in quotes: "${written}"`);
    }
    this.token(start, "quoted" in value ? "string" : "value");
    this.countTerm(key.start);
    const any = "pattern" in value && value.pattern.every((piece) => piece === "");
    const exists = any && [":", "=", "!="].includes(key.op);
    const op = exists ? "*" : key.op === "!=" ? "=" : key.op;
    const field: Leaf = exists ? { key: key.text, op } : { key: key.text, op, value };
    const figure = this.subject === "traces" && TRACE_KEYS.includes(key.text);
    const leaf: Tree<Raw> = { leaf: figure ? { trace: { figure: field } } : { span: field } };
    return key.op === "!=" ? not(leaf) : leaf;
  }

  // Conditions on whole traces.

  private traceCondition(): Part {
    const start = this.at;
    if (this.peek() === "{") return this.related(this.braces());
    for (const relation of RELATIONS) {
      if (this.startsWith(relation)) {
        this.refuse(start, start + 2, `${relation} needs braces before it`, `write {a} ${relation} {b}`);
      }
    }
    for (const word of ["root", "logs"] as const) {
      if (this.startsWith(`${word}{`)) {
        this.take(word.length, "keyword");
        const inner = this.braces();
        return { leaf: { trace: word === "root" ? { root: inner } : { logs: inner } } };
      }
    }
    return this.startsWith("count(") ? { leaf: { trace: this.count(start) } } : null;
  }

  private braces(): Tree<Leaf> {
    const open = this.at;
    this.enter(open, open + 1);
    this.take(1, "bracket");
    const inner = this.ofOneSpan();
    const c = this.peek();
    if (c !== "}") {
      const message = c === undefined ? "{ is not closed" : `{ is closed by ${c}`;
      this.refuse(open, open + 1, message, 'add }, or put the text in quotes: "{"');
    }
    this.take(1, "bracket");
    this.depth -= 1;
    return inner;
  }

  private ofOneSpan(): Tree<Leaf> {
    const outer = this.subject;
    this.subject = "logs";
    const inner = this.any();
    this.subject = outer;
    return (inner && mapTree(inner, (raw) => ("span" in raw ? raw.span : null))) ?? { and: [] };
  }

  private related(first: Tree<Leaf>): Tree<Raw> {
    const rest: { relation: string; of: Tree<Leaf> }[] = [];
    for (;;) {
      const before = this.at;
      this.skipBlanks();
      const relation = RELATIONS.find((sign) => this.startsWith(sign));
      if (!relation) {
        this.at = before;
        break;
      }
      const sign = this.at;
      this.take(2, "operator");
      this.skipBlanks();
      if (this.peek() !== "{") this.refuse(sign, sign + 2, `${relation} needs braces after it`, `write {a} ${relation} {b}`);
      this.countTerm(sign, sign + 2);
      rest.push({ relation, of: this.braces() });
    }
    return { leaf: { trace: rest.length === 0 ? { some: first } : { first, rest } } };
  }

  private count(start: number): TraceLeaf {
    this.take("count(".length, "keyword");
    const open = this.at;
    const hint = "write count({service:db}) > 10";
    this.skipBlanks();
    let of: Tree<Leaf>;
    if (this.peek() === "{") of = this.braces();
    else {
      this.enter(start, open);
      of = this.ofOneSpan();
      this.depth -= 1;
    }
    this.skipBlanks();
    if (this.peek() !== ")") this.refuse(start, open, "count( is not closed", hint);
    this.take(1, "keyword");
    this.skipBlanks();
    const op = this.comparison();
    if (!op) this.refuse(start, this.at, "count() needs a comparison", hint);
    this.take(op.length, "operator");
    this.skipBlanks();
    const digits = this.at;
    while (/^[0-9]$/.test(this.peek() ?? "")) this.at += 1;
    this.token(digits, "value");
    const number = Number(this.text.slice(digits, this.at).join(""));
    this.countTerm(start);
    if (this.at === digits || number > 0xffff_ffff) this.refuse(start, this.at, "count() is compared with a whole number", hint);
    return { count: of, op, number };
  }
}
