import type { ReactNode } from "react";
import css from "./inspector.module.css";

/** A titled part of the inspector. */
export function Section({ title, hint, children }: { title: string; hint?: string; children: ReactNode }) {
  return (
    <section className={css.section}>
      <h3>
        {title} {hint && <small>{hint}</small>}
      </h3>
      {children}
    </section>
  );
}
