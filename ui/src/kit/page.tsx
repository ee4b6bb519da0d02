import { type ReactNode, useEffect } from "react";
import { Note } from "./states";
import { RefreshControl, TimeField } from "./time-field";
import { useTime } from "./time-context";
import css from "./page.module.css";

/** The frame of every screen: top bar with title, the screen's own field, time; content below. */
export function Page(props: {
  /** The `h1`, and the document's title. */
  title: string;
  crumb?: ReactNode;
  /** The search field of the screen. */
  field?: ReactNode;
  /** Whether the screen's content depends on the time range. */
  timed?: boolean;
  actions?: ReactNode;
  children: ReactNode;
}) {
  const { problem, ignored, setRange, range } = useTime();
  useEffect(() => {
    document.title = `${props.title} · Spanlake`;
  }, [props.title]);
  return (
    <>
      <header className={css.top}>
        <h1 className={css.crumb}>{props.crumb ?? <b>{props.title}</b>}</h1>
        <div className={css.field}>{props.field}</div>
        {props.timed && <TimeField />}
        {props.timed && <RefreshControl />}
        {props.actions}
      </header>
      <main className={css.main} id="main">
        {props.timed && problem && (
          <Note error action={<button type="button" className={css.noteAction} onClick={() => setRange(range)}>Use the last 15 min</button>}>
            {problem} The last 15 minutes are shown.
          </Note>
        )}
        {props.timed && ignored.map((one) => <Note key={one} error>{one}</Note>)}
        {props.children}
      </main>
    </>
  );
}
