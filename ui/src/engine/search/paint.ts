/** A search as pieces that are painted alike. */
import { unitsOf } from "./complete";
import { parseSearch, type Subject } from "./parse";
import type { TokenKind } from "./reader";

/** `from` and `to` count UTF-16 units. */
export interface Piece {
  from: number;
  to: number;
  kind: TokenKind;
  isWrong: boolean;
}

/** The whole text in order. `at`: what is wrong, from its first character to the one behind the last, as the server counts. */
export function painted(text: string, subject: Subject, at: readonly [number, number] | null): Piece[] {
  const unit = unitsOf(text);
  // What is missing at the end is wrong about the last character.
  const end = Array.from(text).length;
  const start = at ? Math.min(at[0], end - 1) : -1;
  const [wrongFrom, wrongTo] = at ? [unit(start), unit(Math.max(at[1], start + 1))] : [-1, -1];
  const pieces: { from: number; to: number; kind: TokenKind }[] = [];
  let last = 0;
  for (const token of parseSearch(text, subject).tokens) {
    const [from, to] = [unit(token.start), unit(token.end)];
    if (from > last) pieces.push({ from: last, to: from, kind: "word" });
    pieces.push({ from, to, kind: token.kind });
    last = to;
  }
  if (last < text.length) pieces.push({ from: last, to: text.length, kind: "word" });
  return pieces.flatMap((piece) => {
    const edges = [piece.from, wrongFrom, wrongTo, piece.to].filter((edge) => edge >= piece.from && edge <= piece.to).toSorted((a, b) => a - b);
    const cut = edges.slice(1).map((to, nth) => ({ from: edges[nth]!, to, kind: piece.kind }));
    return cut.filter(({ from, to }) => to > from).map((one) => ({ ...one, isWrong: one.from >= wrongFrom && one.to <= wrongTo }));
  });
}
