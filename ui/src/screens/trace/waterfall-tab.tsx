import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { Trace } from "../../api/types";
import { criticalPath } from "../../engine/critical-path";
import type { WaterfallStore } from "../../engine/waterfall-store";
import { WaterfallView } from "../../engine/waterfall-view";
import { storedNumber, storeNumber } from "../../kit/preferences";
import { Resizer } from "../../kit/resizer";
import { Note } from "../../kit/states";
import { useUrl } from "../../kit/use-url";
import { formatDuration, formatShare } from "../../lib/format";
import { Inspector } from "./inspector";
import { Minimap } from "./minimap";
import { spanPoints } from "./span-points";
import css from "./trace-screen.module.css";

const NAME_WIDTH = 400;

/** Minimap, waterfall and the inspector of the selected span. */
export function WaterfallTab({ trace, store }: { trace: Trace; store: WaterfallStore }) {
  const { search, patch } = useUrl();
  const spanId = new URLSearchParams(search).get("span");
  const selected = spanId === null ? -1 : (store.model.indexOf.get(spanId) ?? -1);
  const select = useCallback(
    (index: number | null, replace = false) =>
      patch({ span: index === null ? null : store.model.spans[index]!.span_id }, { replace }),
    [patch, store],
  );
  return (
    <>
      {spanId !== null && selected < 0 && <Note>The span {spanId} of the address is not in this trace, or has not arrived yet.</Note>}
      <Minimap store={store} />
      <div className={css.stage}>
        <Waterfall trace={trace} store={store} selected={selected} onSelect={select} />
        {selected >= 0 && <Inspector trace={trace} store={store} index={selected} onSelect={select} onClose={() => select(null)} />}
      </div>
    </>
  );
}

interface WaterfallProps {
  trace: Trace;
  store: WaterfallStore;
  selected: number;
  onSelect: (index: number | null, replace?: boolean) => void;
}

function Waterfall({ trace, store, selected, onSelect }: WaterfallProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<WaterfallView | null>(null);
  const [nameWidth, setNameWidth] = useState(() => storedNumber("name-width", NAME_WIDTH));
  const [tip, setTip] = useState<{ index: number; x: number; y: number } | null>(null);
  const critical = useMemo(() => criticalPath(store.model), [store]);
  const points = useMemo(() => spanPoints(trace, store.model), [trace, store]);
  // The view outlives renders; it calls what is current through this reference.
  const current = useRef({ selected, onSelect });
  useEffect(() => {
    current.current = { selected, onSelect };
  });

  useEffect(() => {
    const waterfall = new WaterfallView(
      host.current!,
      store,
      {
        critical,
        points,
        classes: css as never,
        label: "Spans of the trace",
        onInspect: (index) => current.current.onSelect(index),
        onActive: (index) => current.current.selected >= 0 && current.current.onSelect(index, true),
        onClose: () => current.current.selected >= 0 && current.current.onSelect(null),
        onNameWidth: setNameWidth,
        onHover: (index, x, y) => setTip(index < 0 ? null : { index, x, y }),
      },
      storedNumber("name-width", NAME_WIDTH),
    );
    view.current = waterfall;
    waterfall.focus();
    return () => {
      view.current = null;
      waterfall.destroy();
    };
  }, [store, critical, points]);

  useEffect(() => {
    if (selected < 0 || store.active === selected) return;
    store.setActive(selected);
    view.current?.revealActive(true);
  }, [store, selected]);

  const resize = (width: number) => {
    view.current?.setNameWidth(width);
    storeNumber("name-width", width);
  };
  return (
    <section className={css.waterfall} aria-label="Waterfall">
      <div ref={host} className={css.host} />
      <div style={{ "--name-width": `${nameWidth}px` } as React.CSSProperties}>
        <Resizer className={css.resizer} label="Width of the names" value={nameWidth} min={160} max={900} onChange={resize} />
      </div>
      {tip && <SpanTip store={store} {...tip} />}
    </section>
  );
}

function SpanTip({ store, index, x, y }: { store: WaterfallStore; index: number; x: number; y: number }) {
  const { model } = store;
  const span = model.spans[index];
  if (!span) return null;
  const left = Math.min(x + 14, window.innerWidth - 380);
  const top = y + 90 > window.innerHeight ? y - 84 : y + 16;
  return (
    <div className={css.tip} style={{ left, top }} aria-hidden>
      <b>{span.service}</b> {span.name}
      <div>
        {formatDuration(span.duration_ns)} · self {formatDuration(span.self_time_ns)} · {formatShare(span.duration_ns, model.durationNs)} of the trace
      </div>
      <div>starts at {formatDuration(model.start[index]!)}</div>
    </div>
  );
}
