import { expect, it } from "vitest";
import { wrongPart } from "../src/screens/sql/wrong-part";

const cut = (text: string, part: { from: number; to: number } | null) => part && text.slice(part.from, part.to);

it("finds what is wrong in the text of the editor", () => {
  const statement = "SELECT '\u{1F600}', nothing FROM spans";
  const at = [12, 19] as const;
  expect(cut(statement, wrongPart(statement, statement, at))).toBe("nothing");
  const text = `SELECT 1;\n${statement}\n-- more`;
  expect(cut(text, wrongPart(text, statement, at))).toBe("nothing");
  expect(wrongPart("SELECT 2", statement, at)).toBeNull();
  expect(wrongPart("SELECT 2", "", at)).toBeNull();
});
