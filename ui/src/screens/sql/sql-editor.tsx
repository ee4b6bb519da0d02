import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { PostgreSQL, sql } from "@codemirror/lang-sql";
import { bracketMatching, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorState, StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "react";
import { cspNonce } from "../../lib/csp";
import css from "./sql-screen.module.css";
import { TABLES } from "./tables";

interface SqlEditorProps {
  value: string;
  /** The part that the server did not understand, in UTF-16 units. */
  wrong: { from: number; to: number } | null;
  onChange: (text: string) => void;
  onRun: (text: string) => void;
}

const theme = EditorView.theme({
  "&": { height: "100%", fontSize: "12.5px", backgroundColor: "transparent" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55" },
  ".cm-content": { caretColor: "var(--text)", padding: "10px 0" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-gutters": { backgroundColor: "transparent", color: "var(--dim)", border: "none", paddingLeft: "8px" },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--raised) 60%, transparent)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "color-mix(in srgb, var(--accent) 30%, transparent)",
  },
  ".cm-wrong": { textDecoration: "underline wavy var(--fault)", textUnderlineOffset: "3px" },
  ".cm-tooltip": { backgroundColor: "var(--surface)", border: "1px solid var(--line)", borderRadius: "6px", boxShadow: "var(--shadow)" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent-bg)", color: "var(--text)" },
});

const colors = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--accent)" },
  { tag: tags.string, color: "var(--ok)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--warn)" },
  { tag: tags.comment, color: "var(--dim)", fontStyle: "italic" },
  { tag: tags.operator, color: "var(--muted)" },
]);

/**
 * Typing over a selection, done without the browser: it would keep the colours of what is replaced
 * by an inline style, which the Content-Security-Policy forbids and complains about.
 */
const typeOverSelection = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { main, ranges } = view.state.selection;
    if (event.inputType !== "insertText" || event.data === null || main.empty || ranges.length > 1 || view.composing) return false;
    const { data } = event;
    const insert = () => view.state.update(view.state.replaceSelection(data), { userEvent: "input.type", scrollIntoView: true });
    const handled = view.state.facet(EditorView.inputHandler).some((handler) => handler(view, main.from, main.to, data, insert));
    if (!handled) view.dispatch(insert());
    event.preventDefault();
    return true;
  },
});

const setWrong = StateEffect.define<SqlEditorProps["wrong"]>();
const wrongMark = Decoration.mark({ class: "cm-wrong", attributes: { "aria-invalid": "true" } });

/** Underlines what is wrong until the text is changed. */
const wrongPart = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, transaction) {
    const told = transaction.effects.find((effect) => effect.is(setWrong));
    if (!told) return transaction.docChanged ? Decoration.none : marks;
    const length = transaction.newDoc.length;
    const part = told.value as SqlEditorProps["wrong"];
    return part && part.from < part.to && part.to <= length ? Decoration.set([wrongMark.range(part.from, part.to)]) : Decoration.none;
  },
  provide: (field) => EditorView.decorations.from(field),
});

/** CodeMirror with our tables for completion; Ctrl Enter runs the selection or everything. */
export function SqlEditor(props: SqlEditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const editor = useRef<EditorView | null>(null);
  const current = useRef(props);
  useEffect(() => {
    current.current = props;
  });
  useEffect(() => {
    const run = (view: EditorView) => {
      const { from, to } = view.state.selection.main;
      current.current.onRun(from === to ? view.state.doc.toString() : view.state.sliceDoc(from, to));
      return true;
    };
    const view = new EditorView({
      parent: host.current!,
      state: EditorState.create({
        doc: current.current.value,
        extensions: [
          EditorView.cspNonce.of(cspNonce()),
          keymap.of([{ key: "Mod-Enter", run, preventDefault: true }]),
          lineNumbers(),
          history(),
          highlightActiveLine(),
          bracketMatching(),
          closeBrackets(),
          typeOverSelection,
          autocompletion(),
          keymap.of([...closeBracketsKeymap, ...completionKeymap, ...historyKeymap, ...defaultKeymap]),
          sql({ dialect: PostgreSQL, schema: TABLES, upperCaseKeywords: true }),
          syntaxHighlighting(colors),
          wrongPart,
          theme,
          EditorView.contentAttributes.of({ "aria-label": "SQL statement" }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) current.current.onChange(update.state.doc.toString());
          }),
        ],
      }),
    });
    editor.current = view;
    view.focus();
    return () => view.destroy();
  }, []);
  useEffect(() => {
    const view = editor.current;
    if (!view || view.state.doc.toString() === props.value) return;
    view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: props.value } });
  }, [props.value]);
  const { wrong } = props;
  useEffect(() => {
    editor.current?.dispatch({ effects: setWrong.of(wrong) });
  }, [wrong]);
  return <div ref={host} className={css.editor} />;
}
