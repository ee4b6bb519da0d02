import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import { spanLogsAtQuery } from "../../api/queries";
import type { LoadedTrace } from "../../engine/decode-trace";
import { indexOfSpan, nameOf, serviceOf, spanIdOf, spanRefOf } from "../../engine/trace-model";
import type { WaterfallStore } from "../../engine/waterfall-store";
import { WaterfallView } from "../../engine/waterfall-view";
import { storedNumber, storeNumber, storeShown } from "../../kit/preferences";
import { Resizer } from "../../kit/resizer";
import { EmptyState, Note } from "../../kit/states";
import { useUrl } from "../../kit/use-url";
import { formatDuration, formatShare } from "../../lib/format";
import { nanos } from "../../lib/time";
import { Inspector } from "./inspector";
import { MapStrip, stripShown } from "./map-strip";
import { Minimap } from "./minimap";
import { PathPanel } from "./path-panel";
import css from "./waterfall.module.css";
import type { TraceUrl } from "./trace-url";
import { useSpanValues } from "./use-span-values";
import { WaterfallToolbar } from "./waterfall-toolbar";

const NAME_WIDTH = 400;

/** Map strip, minimap, waterfall and the inspector of the selected span. */
export function WaterfallTab({ trace, store, url, onKey, onFind }: { trace: LoadedTrace; store: WaterfallStore; url: TraceUrl; onKey: (key: string) => boolean; onFind: (text: string) => void }) {
  const { search, patch } = useUrl();
  const { model } = trace;
  const spanId = new URLSearchParams(search).get("span");
  const selected = spanId === null ? -1 : indexOfSpan(model, spanId);
  const values = useSpanValues(trace, url.color);
  useEffect(() => store.setLook({ values }), [store, values]);
  const [strip, setStrip] = useState(() => stripShown(model));
  const toggleStrip = () => {
    storeShown("map-strip", !strip);
    setStrip(!strip);
  };
  const select = useCallback(
    (index: number | null, replace = false) => patch({ span: index === null ? null : spanRefOf(model, index) }, { replace }),
    [patch, model],
  );
  const showLog = useShowLog(trace);
  return (
    <>
      {spanId !== null && selected < 0 && <Note>The span {spanId} of the address is not in this trace, or has not arrived yet.</Note>}
      {strip && <MapStrip traceId={trace.facts.trace_id} services={model.services.length} onFind={onFind} />}
      <Minimap store={store} />
      <WaterfallToolbar trace={trace} store={store} url={url} values={values} strip={strip} onStrip={toggleStrip} />
      <div className={css.stage}>
        <Waterfall store={store} selected={selected} onSelect={select} onLog={showLog} onKey={onKey} />
        {selected >= 0 ? (
          <Inspector trace={trace} index={selected} adjusted={url.skew === "adj"} onSelect={select} onClose={() => select(null)} />
        ) : (
          url.critical && <PathPanel traceId={trace.facts.trace_id} store={store} onSelect={select} onClose={() => patch({ cp: null })} />
        )}
      </div>
    </>
  );
}

/** Opens the Logs view at the record that a point stands for. */
function useShowLog({ facts, model }: LoadedTrace) {
  const { patch } = useUrl();
  const queries = useQueryClient();
  return useCallback(
    async (index: number, time: number) => {
      const at = nanos(nanos(facts.start_time_unix_nano) + BigInt(Math.round(time)));
      const { logs } = await queries.fetchQuery(spanLogsAtQuery(facts.trace_id, spanIdOf(model, index), at));
      patch({ view: "logs", panel: logs[0] ? `log:${logs[0].id}` : null });
    },
    [facts, model, patch, queries],
  );
}

interface WaterfallProps {
  store: WaterfallStore;
  selected: number;
  onSelect: (index: number | null, replace?: boolean) => void;
  onLog: (index: number, time: number) => void;
  onKey: (key: string) => boolean;
}

function Waterfall({ store, selected, onSelect, onLog, onKey }: WaterfallProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<WaterfallView | null>(null);
  const [nameWidth, setNameWidth] = useState(() => storedNumber("name-width", NAME_WIDTH));
  const [tip, setTip] = useState<{ index: number; x: number; y: number } | null>(null);
  const [empty, setEmpty] = useState(false);
  // The view outlives renders; it calls what is current through this reference.
  const current = useRef({ selected, onSelect, onLog, onKey });
  useEffect(() => {
    current.current = { selected, onSelect, onLog, onKey };
  });

  useEffect(() => {
    const waterfall = new WaterfallView(
      host.current!,
      store,
      {
        classes: css as never,
        label: "Spans of the trace",
        onInspect: (index) => current.current.onSelect(index),
        onLog: (index, time) => current.current.onLog(index, time),
        onActive: (index) => current.current.selected >= 0 && current.current.onSelect(index, true),
        onClose: () => current.current.selected >= 0 && current.current.onSelect(null),
        onKey: (key) => current.current.onKey(key),
        onNameWidth: setNameWidth,
        onHover: (index, x, y) => setTip(index < 0 ? null : { index, x, y }),
      },
      storedNumber("name-width", NAME_WIDTH),
    );
    view.current = waterfall;
    waterfall.focus();
    const stop = store.subscribe(() => setEmpty(store.rows.length === 0));
    return () => {
      stop();
      view.current = null;
      waterfall.destroy();
    };
  }, [store]);

  useEffect(() => {
    if (selected < 0 || store.activeSpan === selected) return;
    store.setActive(selected);
    view.current?.centerActive();
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
      {empty && (
        <div className={css.nothing}>
          <EmptyState title="Every span is hidden">
            <p>No span is both found and of the chosen services. Clear one of the two.</p>
          </EmptyState>
        </div>
      )}
      {tip && <SpanTip store={store} {...tip} />}
    </section>
  );
}

function SpanTip({ store, index, x, y }: { store: WaterfallStore; index: number; x: number; y: number }) {
  const { model } = store;
  if (index >= model.count) return null;
  const left = Math.min(x + 14, window.innerWidth - 380);
  const top = y + 90 > window.innerHeight ? y - 84 : y + 16;
  const duration = model.duration[index]!;
  return (
    <div className={css.tip} style={{ left, top }} aria-hidden>
      <b>{serviceOf(model, index)}</b> {nameOf(model, index)}
      <div>
        {formatDuration(duration)} · self {formatDuration(model.selfTime[index]!)} · {formatShare(duration, model.durationNs)} of the trace
      </div>
      <div>starts at {formatDuration(model.start[index]!)}</div>
    </div>
  );
}
