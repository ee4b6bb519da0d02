import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { statusQuery } from "../api/queries";
import { onAnnouncement } from "../kit/announce";
import controls from "../kit/controls.module.css";
import { Note } from "../kit/states";
import { useTime } from "../kit/time-context";
import { Palette } from "./palette";
import { Rail } from "./rail";
import css from "./shell.module.css";
import { ShortcutSheet } from "./shortcut-sheet";
import { useShortcuts } from "./use-shortcuts";

export type Overlay = "palette" | "shortcuts" | null;

/** Everything around a screen: skip link, rail, overlays, live region, lost connection. */
export function Shell({ children }: { children: ReactNode }) {
  const [overlay, setOverlay] = useState<Overlay>(null);
  useShortcuts(setOverlay);
  const close = () => setOverlay(null);
  return (
    <>
      <a className={css.skip} href="#main">
        Skip to content
      </a>
      <div className={css.shell}>
        <Rail onPalette={() => setOverlay("palette")} onShortcuts={() => setOverlay("shortcuts")} />
        <div className={css.screen}>
          <Connection />
          {children}
        </div>
      </div>
      <Palette open={overlay === "palette"} onClose={close} />
      <ShortcutSheet open={overlay === "shortcuts"} onClose={close} />
      <LiveRegion />
    </>
  );
}

/** Says when the server does not answer, and runs the queries again when first data arrives. */
function Connection() {
  const { data, error, failureCount } = useQuery(statusQuery());
  const { refreshNow } = useTime();
  const rows = data ? data.signals.spans.rows + data.signals.logs.rows : null;
  const before = useRef(rows);
  useEffect(() => {
    if (before.current === 0 && rows !== null && rows > 0) refreshNow();
    before.current = rows;
  }, [rows, refreshNow]);
  if (!data) return null;
  if (!data.ready) return <Note>Spanlake is reading its log after a start; what is not yet read is missing here.</Note>;
  if (!error && failureCount === 0) return null;
  return <Note error>Spanlake does not answer. What you see is what was loaded before; the page tries again by itself.</Note>;
}

function LiveRegion() {
  const [text, setText] = useState("");
  useEffect(() => onAnnouncement(setText), []);
  return (
    <div className={controls.srOnly} role="status" aria-live="polite">
      {text}
    </div>
  );
}
