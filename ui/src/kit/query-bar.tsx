import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { Search } from "lucide-react";
import { type FocusEvent, type KeyboardEvent, useEffect, useId, useLayoutEffect, useRef, useState } from "react";
import { Link } from "wouter";
import { fieldsQuery, meaningQuery, valuesQuery, type Window } from "../api/queries";
import type { SearchMeaning } from "../api/types";
import { complete, completeWith, keywordsAt, type Place, placeAt } from "../engine/search/complete";
import { painted } from "../engine/search/paint";
import type { Subject } from "../engine/search/parse";
import { PLACE_KEYS, TRACE_KEYS } from "../engine/search/tree";
import { editableText } from "../engine/search/xray";
import { formatCount } from "../lib/format";
import { carryOver, href } from "../lib/url-state";
import { classNames } from "./class-names";
import controls from "./controls.module.css";
import css from "./query-bar.module.css";
import { useUrl } from "./use-url";

/** How long the fingers must rest before the server is asked. */
const REST_MS = 250;
const OPTIONS_MAX = 30;

interface QueryBarProps {
  subject: Subject;
  value: string;
  window: Window;
  placeholder: string;
  onCommit: (text: string) => void;
}

/**
 * The search box: one line in the search language, with completion (combobox pattern), what is wrong underlined, and
 * what it means below. Enter searches, Alt Enter opens the SQL. `/` focuses it from anywhere.
 */
export function QueryBar(props: QueryBarProps) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [draft, setDraft] = useState(props.value);
  const [committed, setCommitted] = useState(props.value);
  const [cursor, setCursor] = useState(0);
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState<number | null>(null);
  const { search, navigate } = useUrl();
  // The address changed elsewhere (a facet, Back): the draft follows it.
  if (committed !== props.value) {
    setCommitted(props.value);
    setDraft(props.value);
  }
  const signal = props.subject === "traces" ? "spans" : "logs";
  const rested = useRested(draft, REST_MS);
  const meaning = useQuery({ ...meaningQuery(signal, props.window, rested), enabled: rested !== "" });
  const problem = (rested === draft && draft !== "" && meaning.data?.problem) || null;
  const place = open ? placeAt(draft, cursor, props.subject) : null;
  const options = useOptions(props.subject, props.window, place);
  const sqlHref = meaning.data?.sql ? href("/sql", { sql: meaning.data.sql }, carryOver(search)) : null;

  // As soon as React has written the value: what is typed next goes behind the completion.
  const cursorToSet = useRef<number | null>(null);
  useLayoutEffect(() => {
    if (cursorToSet.current === null) return;
    input.current?.focus();
    input.current?.setSelectionRange(cursorToSet.current, cursorToSet.current);
    cursorToSet.current = null;
  });
  const choose = (option: Completion) => {
    if (!place) return;
    const done = option.insert === undefined ? complete(draft, place, option.value) : completeWith(draft, place, option.insert);
    setDraft(done.text);
    setCursor(done.cursor);
    setActive(null);
    cursorToSet.current = done.cursor;
  };
  const client = useQueryClient();
  // A wrong search is not run: what is wrong stays in sight, and so does the result there is.
  const commit = async () => {
    const known = draft === "" ? null : await client.fetchQuery(meaningQuery(signal, props.window, draft)).catch(() => null);
    setOpen(Boolean(known?.problem));
    setActive(null);
    if (!known?.problem) props.onCommit(draft);
  };
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      if (!open) return setOpen(true);
      if (options.length === 0) return;
      const next = active === null ? (step > 0 ? 0 : options.length - 1) : (active + step + options.length) % options.length;
      setActive(next);
      document.getElementById(`${id}-${next}`)?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" && event.altKey) {
      event.preventDefault();
      if (sqlHref) navigate(sqlHref);
    } else if ((event.key === "Enter" || event.key === "Tab") && open && active !== null && options[active]) {
      event.preventDefault();
      choose(options[active]);
    } else if (event.key === "Escape") {
      if (open) setOpen(false);
      else event.currentTarget.blur();
      setActive(null);
    }
  };
  const onBlur = (event: FocusEvent) => {
    if (!event.currentTarget.contains(event.relatedTarget)) {
      setOpen(false);
      setActive(null);
    }
  };
  return (
    // The blur is that of anything within: the panel closes when the focus leaves all of it.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <form
      role="search"
      className={css.bar}
      onBlur={onBlur}
      onSubmit={(event) => {
        event.preventDefault();
        void commit();
      }}
    >
      <div className={classNames(controls.field, css.field, problem !== null && css.wrong)}>
        <Search size={14} aria-hidden />
        <div className={css.editor}>
          <Painted text={draft} subject={props.subject} at={problem?.at ?? null} input={input} />
          <input
            ref={input}
            data-find
            role="combobox"
            aria-expanded={open}
            aria-controls={`${id}-list`}
            aria-autocomplete="list"
            aria-activedescendant={open && active !== null && options[active] ? `${id}-${active}` : undefined}
            aria-label="Search"
            aria-invalid={problem !== null}
            aria-describedby={`${id}-said`}
            value={draft}
            placeholder={props.placeholder}
            spellCheck={false}
            autoComplete="off"
            onChange={(event) => {
              setDraft(event.target.value);
              setCursor(event.target.selectionStart ?? event.target.value.length);
              setOpen(true);
              setActive(null);
            }}
            onSelect={(event) => setCursor(event.currentTarget.selectionStart ?? 0)}
            onClick={() => setOpen(true)}
            onKeyDown={onKeyDown}
          />
        </div>
        <span className={controls.kbd}>/</span>
      </div>
      <div className={css.panel} hidden={!open}>
        <ul className={css.options} role="listbox" id={`${id}-list`} aria-label={place?.kind === "value" || place?.kind === "name" ? `Values of ${place.key}` : place?.kind === "keyword" ? "Keywords of X-Ray" : "Keys"}>
          {options.map((option, nth) => (
            // The keyboard is handled by the input, as the combobox pattern asks.
            // oxlint-disable-next-line jsx-a11y/click-events-have-key-events
            <li
              key={option.value}
              id={`${id}-${nth}`}
              role="option"
              aria-selected={nth === active}
              className={css.option}
              onPointerMove={() => setActive(nth)}
              onPointerDown={(event) => event.preventDefault()}
              onClick={() => choose(option)}
            >
              <span className={css.optionText}>{option.value}</span>
              <span className={css.optionHint}>{option.hint}</span>
            </li>
          ))}
        </ul>
        <div className={css.said} id={`${id}-said`} role="status">
          <Said draft={draft} problem={problem} meaning={rested === draft && draft !== "" ? meaning.data : undefined} />
        </div>
        {sqlHref && draft !== "" && !problem && (
          <div className={css.foot}>
            <Link href={sqlHref}>Show the SQL</Link>
            <span className={controls.kbd}>Alt Enter</span>
          </div>
        )}
      </div>
    </form>
  );
}

/** A search as text that a click can put conditions into: an expression of X-Ray becomes what it means. */
export function useEditable(subject: Subject, window: Window, text: string): string {
  const mayBeXray = subject === "traces" && text !== "";
  const meaning = useQuery({ ...meaningQuery("spans", window, text), enabled: mayBeXray });
  return mayBeXray ? editableText(text, meaning.data?.canonical ?? null) : text;
}

/** The text behind the input's own, which is transparent: colours, and a wavy line below what is wrong. */
function Painted(props: { text: string; subject: Subject; at: readonly [number, number] | null; input: React.RefObject<HTMLInputElement | null> }) {
  const { text, at } = props;
  const box = useRef<HTMLDivElement>(null);
  // After every change: the input may scroll without saying so.
  useEffect(() => {
    const input = props.input.current;
    const follow = () => {
      if (box.current && input) box.current.scrollLeft = input.scrollLeft;
    };
    follow();
    input?.addEventListener("scroll", follow);
    return () => input?.removeEventListener("scroll", follow);
  });
  return (
    <div ref={box} className={css.painted} aria-hidden>
      {painted(text, props.subject, at).map((piece) => (
        <span key={piece.from} className={classNames(css[piece.kind], piece.isWrong && css.underlined)}>
          {text.slice(piece.from, piece.to)}
        </span>
      ))}
    </div>
  );
}

function Said({ draft, problem, meaning }: { draft: string; problem: SearchMeaning["problem"]; meaning: SearchMeaning | undefined }) {
  if (problem) {
    return (
      <>
        <p className={css.problem}>{problem.message}</p>
        {problem.hint && <p>{problem.hint}</p>}
      </>
    );
  }
  if (draft === "") {
    return (
      <p>
        Words, “phrases”, <code>key:value</code>, <code>key&gt;5</code>, <code>-key:*</code>, <code>key:(a OR b)</code>, <code>key:/regex/</code>
      </p>
    );
  }
  if (!meaning) return null;
  return (
    <>
      <p>
        Means <code className={css.canonical}>{meaning.canonical}</code>
      </p>
      {meaning.warnings.map((warning) => (
        <p key={warning} className={css.warning}>
          {warning}
        </p>
      ))}
    </>
  );
}

interface Completion {
  value: string;
  hint: string;
  /** What is put in; without it the value, as its place needs it. */
  insert?: string;
}

/** Keys of the rows in the range with the keywords that fit, or values of the key before the cursor. */
function useOptions(subject: Subject, window: Window, place: Place | null): Completion[] {
  const signal = subject === "traces" ? "spans" : "logs";
  const fields = useQuery({ ...fieldsQuery(signal, window), enabled: place !== null });
  const typed = useRested(place?.typed ?? "", REST_MS);
  const key = place?.kind === "value" || place?.kind === "name" ? place.key : null;
  const listed = key !== null && !LISTLESS.has(key);
  const values = useQuery({ ...valuesQuery(signal, window, key ?? "", typed), enabled: listed, placeholderData: keepPreviousData });
  if (!place) return [];
  const wanted = place.typed.toLowerCase();
  const keywords = keywordsAt(place, subject).map(({ name, insert, hint }) => ({ value: name, insert, hint }));
  if (place.kind === "keyword" || (place.kind === "value" && keywords.length > 0)) return keywords;
  if (place.kind === "value" || place.kind === "name") {
    if (!listed) return [];
    const fitting = (values.data ?? []).filter((one) => one.value.toLowerCase().includes(wanted) && one.value !== place.typed);
    return fitting.slice(0, OPTIONS_MAX).map((one) => ({ value: one.value, hint: formatCount(one.count) }));
  }
  const fitting = (fields.data?.fields ?? []).filter((field) => field.key.toLowerCase().includes(wanted));
  const ranked = wanted === "" ? fitting : fitting.toSorted((a, b) => Number(!a.key.toLowerCase().startsWith(wanted)) - Number(!b.key.toLowerCase().startsWith(wanted)));
  const unique = [...new Map(ranked.map((field) => [field.key, field])).values()];
  const keys = unique.slice(0, OPTIONS_MAX).map((field) => ({
    value: field.key,
    hint: field.count === null ? "" : `${field.kind === "resource" ? "resource " : ""}${formatCount(field.count)}`,
  }));
  // A key of the data may be named as a keyword is.
  return [...keys, ...keywords.filter((one) => !unique.some((field) => field.key === one.value))];
}

/** Keys whose values nobody picks from a list. */
const LISTLESS = new Set(["duration", "trace_id", "span_id", "parent_span_id", "body", "status_message", ...TRACE_KEYS, ...PLACE_KEYS]);

/** The value once it has not changed for a while. */
function useRested<T>(value: T, ms: number): T {
  const [rested, setRested] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setRested(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return rested;
}
