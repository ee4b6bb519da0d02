import { useState } from "react";
import { attributePretty } from "../lib/attributes";
import { formatBytes } from "../lib/format";
import { highlight } from "../lib/highlight";
import type { JsonValue } from "../lib/json";
import { severityTone } from "../lib/severity";
import { Button } from "./button";
import { classNames } from "./class-names";
import css from "./text.module.css";

/** Text with the words of a search marked. */
export function Highlighted({ text, query }: { text: string; query: string }) {
  if (query === "") return text;
  let at = 0;
  return highlight(text, query).map((part) => {
    const key = at;
    at += part.text.length;
    return part.hit ? <mark key={key}>{part.text}</mark> : <span key={key}>{part.text}</span>;
  });
}

/** Longer values are cut until the reader asks for the whole; a 1.5 MB line must not freeze. */
const CUT_CHARACTERS = 8_192;

export function LongText({ value, query = "" }: { value: JsonValue; query?: string }) {
  const [whole, setWhole] = useState(false);
  const text = attributePretty(value);
  const cut = !whole && text.length > CUT_CHARACTERS;
  if (whole) return chunks(text).map(({ start, part }) => <span key={start} className={css.chunk}>{part}</span>);
  return (
    <>
      <Highlighted text={cut ? text.slice(0, CUT_CHARACTERS) : text} query={query} />
      {cut && (
        <span className={css.cut}>
          … cut at {formatBytes(CUT_CHARACTERS)}{" "}
          <Button small onClick={() => setWhole(true)}>
            Show all {formatBytes(text.length)}
          </Button>
        </span>
      )}
    </>
  );
}

/** About this many characters are laid out at once; chunks out of sight cost nothing. */
const CHUNK_CHARACTERS = 8_192;

/** Parts of a giant text, cut at a line end or a blank where there is one. */
function chunks(text: string): { start: number; part: string }[] {
  const parts: { start: number; part: string }[] = [];
  for (let start = 0; start < text.length; ) {
    const limit = start + CHUNK_CHARACTERS;
    const cut = Math.max(text.lastIndexOf("\n", limit), text.lastIndexOf(" ", limit)) + 1;
    const end = limit >= text.length ? text.length : cut > start ? cut : limit;
    parts.push({ start, part: text.slice(start, end) });
    start = end;
  }
  return parts;
}

export function SeverityBadge({ severity }: { severity: string | null }) {
  return <span className={classNames(css.severity, css[severityTone(severity)])}>{severity ?? "—"}</span>;
}
