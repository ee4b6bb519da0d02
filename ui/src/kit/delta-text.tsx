import type { Delta } from "../lib/comparison";
import { classNames } from "./class-names";
import css from "./delta-text.module.css";

/** A difference beside its figure; the figure before is its title and part of what is spoken. */
export function DeltaText({ delta }: { delta: Delta | null }) {
  if (!delta) return null;
  return (
    <small className={classNames(css.delta, css[delta.tone])} title={`before: ${delta.before}`}>
      {delta.text}
    </small>
  );
}
