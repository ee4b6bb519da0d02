import type { SqlResult } from "../../api/types";
import { attributeText } from "../../lib/attributes";

const CHARACTER_PX = 7.3;
const PADDING_PX = 24;
const WIDTH_MIN_PX = 72;
const WIDTH_MAX_PX = 460;
/** Widths follow the first rows; later rows are cut when they are longer. */
const SAMPLE_ROWS = 60;

/** A width in pixels for each column, from its name, its type and a sample of its values. */
export function columnWidths(result: SqlResult): number[] {
  return result.columns.map((column, i) => {
    let longest = column.name.length + 8;
    for (const row of result.rows.slice(0, SAMPLE_ROWS)) longest = Math.max(longest, attributeText(row[i] ?? null).length);
    return Math.round(Math.min(WIDTH_MAX_PX, Math.max(WIDTH_MIN_PX, longest * CHARACTER_PX + PADDING_PX)));
  });
}
