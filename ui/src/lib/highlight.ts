export interface TextPart {
  text: string;
  hit: boolean;
}

/** The words of a search: maximal runs of letters and digits, as `match()` of the server splits. */
export function words(query: string): string[] {
  return [...new Set(query.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [])];
}

/** Splits `text` into parts so that whole occurrences of the words can be marked. */
export function highlight(text: string, query: string): TextPart[] {
  const wanted = words(query);
  if (wanted.length === 0 || text === "") return [{ text, hit: false }];
  const alternatives = wanted.toSorted((a, b) => b.length - a.length).join("|");
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}])(?:${alternatives})(?![\\p{L}\\p{N}])`, "giu");
  const parts: TextPart[] = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    if (match.index > end) parts.push({ text: text.slice(end, match.index), hit: false });
    parts.push({ text: match[0], hit: true });
    end = match.index + match[0].length;
  }
  if (end < text.length) parts.push({ text: text.slice(end), hit: false });
  return parts;
}
