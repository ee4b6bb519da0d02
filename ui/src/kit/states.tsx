import { CircleAlert, Inbox, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { ApiError } from "../api/client";
import { Button } from "./button";
import { classNames } from "./class-names";
import css from "./controls.module.css";

/** Why there is nothing here, and what to do about it. */
export function EmptyState({ title, children, actions }: { title: string; children?: ReactNode; actions?: ReactNode }) {
  return (
    <div className={css.state}>
      <Inbox className={css.stateIcon} size={28} strokeWidth={1.4} aria-hidden />
      <h2>{title}</h2>
      {children}
      {actions && <div className={css.stateActions}>{actions}</div>}
    </div>
  );
}

export function ErrorState({ error, onRetry, title }: { error: unknown; onRetry?: (() => void) | undefined; title: string }) {
  const { message, hint } = explain(error);
  // The same wrong question gets the same answer.
  const isWrong = error instanceof ApiError && error.status === 400;
  return (
    <div className={classNames(css.state, css.stateError)} role="alert">
      <CircleAlert className={css.stateIcon} size={28} strokeWidth={1.4} aria-hidden />
      <h2>{title}</h2>
      <p>{capital(message)}</p>
      {hint && <p>{capital(hint)}</p>}
      {onRetry && !isWrong && (
        <div className={css.stateActions}>
          <Button look="primary" onClick={onRetry}>
            Retry
          </Button>
        </div>
      )}
    </div>
  );
}

/** A line above the content: something is not as it should be, but the content is there. */
export function Note({ children, error, action }: { children: ReactNode; error?: boolean; action?: ReactNode }) {
  return (
    <div className={classNames(css.note, error && css.noteError)} role="status">
      <TriangleAlert size={14} aria-hidden />
      <span className={css.noteText}>{children}</span>
      {action}
    </div>
  );
}

/** Messages of the server begin in lower case: here they are sentences of their own. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function explain(error: unknown): { message: string; hint: string } {
  if (error instanceof ApiError) return { message: error.message, hint: error.hint };
  return { message: error instanceof Error ? error.message : String(error), hint: "" };
}

/** In the place of a drawing that takes a while. */
export function Waiting({ children }: { children: ReactNode }) {
  return (
    <p className={css.waiting} aria-busy="true">
      {children}
    </p>
  );
}

export function Skeleton({ width = "100%", height = 12 }: { width?: number | string; height?: number | string }) {
  return <span className={css.skeleton} style={{ width, height }} aria-hidden />;
}
