import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { isUnreachable } from "../api/client";
import { statusQuery } from "../api/queries";
import { onAnnouncement } from "../kit/announce";
import { Button } from "../kit/button";
import controls from "../kit/controls.module.css";
import { Note } from "../kit/states";
import { useTime } from "../kit/time-context";
import { isOutdated } from "../lib/build";
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

/**
 * Says when the server does not answer, and when another version of it does. Each answer about its state asks again for what could not
 * be reached before, and the first data of an empty lake refreshes the page.
 */
function Connection() {
  const { data, dataUpdatedAt, isError } = useQuery(statusQuery());
  const { refreshNow } = useTime();
  const queries = useQueryClient();
  const rows = data ? data.signals.spans.rows + data.signals.logs.rows : null;
  const before = useRef(rows);
  useEffect(() => {
    if (before.current === 0 && rows !== null && rows > 0) refreshNow();
    before.current = rows;
  }, [rows, refreshNow]);
  useEffect(() => {
    if (dataUpdatedAt > 0) void queries.refetchQueries({ type: "active", predicate: (query) => isUnreachable(query.state.error) });
  }, [dataUpdatedAt, queries]);
  if (isError) return <Note error>Spanlake does not answer; trying again.</Note>;
  if (data && isOutdated(data.ui_build)) {
    return (
      <Note
        action={
          <Button small onClick={() => window.location.reload()}>
            Reload
          </Button>
        }
      >
        A new version of Spanlake is running. Reloading the page gets it; the address keeps what is shown.
      </Note>
    );
  }
  if (data && !data.ready) return <Note>Spanlake is reading its log after a start; what is not yet read is missing here.</Note>;
  return null;
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
