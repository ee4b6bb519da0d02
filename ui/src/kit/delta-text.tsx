import type { Delta } from "../lib/comparison";
import { classNames } from "./class-names";
import css from "./delta-text.module.css";

/** A difference beside its figure; the figure before is its title. `column`: keeps its width without one, so that figures stay in line. */
export function DeltaText({ delta, column = false }: { delta: Delta | null; column?: boolean }) {
  if (!delta) return column ? <span className={css.column} /> : null;
  return (
    <small className={classNames(css.delta, css[delta.tone], column && css.column)} title={`before: ${delta.before}`}>
      {delta.text}
    </small>
  );
}
