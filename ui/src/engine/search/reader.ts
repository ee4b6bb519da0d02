/** Characters, words, signs and texts of a search: what its parser reads with. Positions count characters (code points). */
import { isBlank, isSpecial, type Value } from "./tree";

export const LENGTH_MAX = 4096;
export const DEPTH_MAX = 32;
export const TERMS_MAX = 200;

const COMPARISONS = [">=", "<=", "!=", ">", "<", "="];

export interface SearchProblem {
  start: number;
  end: number;
  message: string;
  hint: string;
}

export type TokenKind = "key" | "operator" | "value" | "string" | "keyword" | "bracket" | "word";

/** A stretch of the text and what it is; what lies between tokens is blank. */
export interface Token {
  start: number;
  end: number;
  kind: TokenKind;
}

export class Refused extends Error {
  constructor(readonly problem: SearchProblem) {
    super(problem.message);
  }
}

export class Reader {
  readonly tokens: Token[] = [];
  protected at = 0;
  protected depth = 0;
  private terms = 0;

  constructor(protected readonly text: string[]) {}

  protected refuse(start: number, end: number, message: string, hint: string): never {
    throw new Refused({ start, end: Math.min(end, this.text.length), message, hint });
  }

  protected peek(): string | undefined {
    return this.text[this.at];
  }

  protected startsWith(sign: string): boolean {
    return Array.from(sign).every((c, nth) => this.text[this.at + nth] === c);
  }

  protected skipBlanks() {
    while (isBlank(this.peek())) this.at += 1;
  }

  protected token(start: number, kind: TokenKind, end = this.at) {
    if (end > start) this.tokens.push({ start, end, kind });
  }

  protected keyword(word: string, sign: string): number {
    if (sign !== "" && this.startsWith(sign)) return sign.length;
    const behind = this.text[this.at + word.length];
    const ends = behind === undefined || isBlank(behind) || "(){}\"".includes(behind);
    return ends && this.startsWith(word) ? word.length : 0;
  }

  protected take(length: number, kind: TokenKind) {
    this.at += length;
    this.token(this.at - length, kind);
  }

  protected enter(start: number, end: number) {
    this.depth += 1;
    if (this.depth > DEPTH_MAX) {
      this.refuse(start, end, `more than ${DEPTH_MAX} parentheses within each other`, "remove parentheses that are not needed");
    }
  }

  protected countTerm(start: number, end = this.at) {
    this.terms += 1;
    if (this.terms > TERMS_MAX) this.refuse(start, end, `more than ${TERMS_MAX} conditions`, "ask with fewer, or in SQL");
  }

  protected quoted(): string {
    const start = this.at;
    this.at += 1;
    let text = "";
    for (let c = this.peek(); c !== undefined; c = this.peek()) {
      this.at += 1;
      const next = this.peek();
      if (c === '"') return text;
      if (c === "\\" && (next === '"' || next === "\\")) {
        text += next;
        this.at += 1;
      } else text += c;
    }
    this.refuse(start, start + 1, "the quote is not closed", 'add " at the end, or write \\" for the character');
  }

  protected bare(): string[] {
    const start = this.at;
    const pieces = [""];
    const open: string[] = [];
    for (let c = this.peek(); c !== undefined; c = this.peek()) {
      const last = pieces.length - 1;
      if (c === "\\" && isSpecial(this.text[this.at + 1])) {
        this.at += 1;
        pieces[last] += this.text[this.at] ?? "";
      } else if (c === "*") pieces.push("");
      else if (isBlank(c) || c === '"' || (c === "(" && this.at === start)) break;
      else if (c === "(" || c === "{") {
        open.push(c === "(" ? ")" : "}");
        pieces[last] += c;
      } else if (c === ")" || c === "}") {
        if (open.pop() !== c) break;
        pieces[last] += c;
      } else pieces[last] += c;
      this.at += 1;
    }
    return pieces;
  }

  /** `:`, `:` with a comparison, or a comparison behind a key. */
  protected operator(): string {
    if (this.peek() === ":") {
      if (this.startsWith("://")) return "";
      this.at += 1;
      const after = this.comparison();
      this.at += after.length;
      return `:${after}`;
    }
    const before = this.at;
    this.skipBlanks();
    const op = this.comparison();
    this.at = op ? this.at + op.length : before;
    return op;
  }

  protected comparison(): string {
    return this.startsWith("=>") ? "" : (COMPARISONS.find((op) => this.startsWith(op)) ?? "");
  }

  protected bareValue(): Value {
    const pieces = this.bare();
    return pieces.length === 1 ? { bare: pieces[0]! } : { pattern: pieces };
  }

  protected regex(): Value | null {
    let pattern = "";
    let at = this.at + 1;
    for (;;) {
      const c = this.text[at];
      if (c === undefined) return null;
      if (c === "/") break;
      if (c === "\\") {
        const next = this.text[at + 1] ?? "";
        pattern += next === "/" ? "/" : `\\${next}`;
        at += 2;
      } else {
        pattern += c;
        at += 1;
      }
    }
    at += 1;
    const ignoreCase = this.text[at] === "i";
    if (ignoreCase) at += 1;
    const behind = this.text[at];
    const ends = behind === undefined || isBlank(behind) || behind === ")" || behind === "}";
    if (pattern === "" || !ends) return null;
    this.at = at;
    return { regex: pattern, ignoreCase };
  }
}
