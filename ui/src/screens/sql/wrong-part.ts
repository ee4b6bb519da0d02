/**
 * The part of the editor's text that a statement's error is about, in UTF-16 units; null when the statement is no longer
 * there. `at`: characters (code points) of the statement, as the server counts.
 */
export function wrongPart(text: string, statement: string, at: readonly [number, number]): { from: number; to: number } | null {
  const begin = statement === "" ? -1 : text.indexOf(statement);
  if (begin < 0) return null;
  const characters = Array.from(statement);
  const units = (count: number) => characters.slice(0, count).join("").length;
  return { from: begin + units(at[0]), to: begin + units(at[1]) };
}
