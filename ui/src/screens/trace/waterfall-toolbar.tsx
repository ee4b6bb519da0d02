import { useQuery } from "@tanstack/react-query";
import { ChevronsDownUp, ChevronsUpDown, Route, Waypoints } from "lucide-react";
import { useMemo } from "react";
import { traceFieldsQuery } from "../../api/queries";
import { otherColor, valueColors } from "../../engine/bar-colors";
import type { LoadedTrace } from "../../engine/decode-trace";
import { readThemeColors } from "../../engine/theme-colors";
import { kindOf, outcomeOf, type TraceModel } from "../../engine/trace-model";
import type { SpanValues } from "../../engine/value-colors";
import type { ColorBy, WaterfallStore } from "../../engine/waterfall-store";
import { Button } from "../../kit/button";
import { classNames } from "../../kit/class-names";
import { OptionPopover } from "../../kit/option-popover";
import { useDark, useServiceColors } from "../../kit/use-service-colors";
import { useUrl } from "../../kit/use-url";
import { group, plural } from "../../lib/format";
import { STRIP_ID } from "./map-strip";
import css from "./waterfall.module.css";
import views from "./views.module.css";
import { printOnly, type TraceUrl } from "./trace-url";

/** Services with a button of their own; the others are in a list. */
const LEGEND_MAX = 8;
/** The legend has one line: pixels of the screen that everything else in it needs, a service around its name, a letter of it. */
const TOOLS_PX = 620;
const LEGEND_ITEM_PX = 44;
const LEGEND_LETTER_PX = 6.8;
/** Labels of the menu; an attribute is listed by its key. */
const COLORS = { Service: "service", Status: "status", Kind: "kind" } as const;
/** Values with a place in the legend. */
const VALUES_SHOWN = 6;

/** What is shown of the waterfall and how: services, colours, clocks, folds. */
export function WaterfallToolbar(props: {
  trace: LoadedTrace;
  store: WaterfallStore;
  url: TraceUrl;
  /** Of the attribute that bars are coloured by. */
  values: SpanValues | null;
  /** The map above is shown. */
  strip: boolean;
  onStrip: () => void;
}) {
  const { trace, store, url, values } = props;
  const { patch } = useUrl();
  const { model } = trace;
  const colors = useServiceColors(model.services);
  const only = new Set(url.only);
  const toggle = (service: string) => {
    const next = only.has(service) ? url.only.filter((one) => one !== service) : [...url.only, service];
    patch({ only: printOnly(next) });
  };
  const named = fitting(store.serviceLabels);
  const legend = model.services.slice(0, named);
  const extra = url.only.filter((service) => !legend.includes(service));
  const others = model.services.slice(named).filter((service) => !only.has(service));
  return (
    <>
      <div className={views.toolbar}>
        <div className={css.legend} role="group" aria-label="Show only these services">
          {[...legend, ...extra].map((service) => (
            <button key={service} type="button" className={classNames(css.legendItem, only.size > 0 && !only.has(service) && css.legendOff)} aria-pressed={only.has(service)} title={`Show only ${service}`} aria-label={service === "" ? "no service" : service} onClick={() => toggle(service)}>
              {url.color === "service" && <i className={views.swatch} style={{ background: colors.get(service) }} />}
              <span>{service === "" ? "no service" : store.serviceLabels[model.services.indexOf(service)]}</span>
            </button>
          ))}
          {others.length > 0 && (
            <OptionPopover small label={`${others.length} more`} value={undefined} options={others.map((value) => ({ value }))} none="No such service in this trace" onPick={(service) => service !== null && toggle(service)} />
          )}
          {only.size > 0 && (
            <Button small look="quiet" onClick={() => patch({ only: null })}>
              All services
            </Button>
          )}
        </div>
        {model.skewedCount > 0 && (
          <Button small aria-pressed={url.skew === "adj"} title={`${plural(model.skewedCount, "span")} would start before their callers`} onClick={() => patch({ skew: url.skew === "adj" ? null : "adj" })}>
            Undo clock skew
          </Button>
        )}
        <ColorChooser traceId={trace.facts.trace_id} color={url.color} onChange={(color) => patch({ color: color === "service" ? null : color })} />
        <Button small aria-pressed={props.strip} aria-controls={props.strip ? STRIP_ID : undefined} title="Map of the trace above the timeline" onClick={props.onStrip}>
          <Waypoints size={13} aria-hidden /> Map
        </Button>
        <Button small aria-pressed={url.critical} title="Critical path (c)" onClick={() => patch({ cp: url.critical ? null : "1", span: null })}>
          <Route size={13} aria-hidden /> Where the time went
        </Button>
        <Button small look="quiet" iconLabel="Unfold all" onClick={() => store.expandAll()}>
          <ChevronsUpDown size={14} aria-hidden />
        </Button>
        <Button small look="quiet" iconLabel="Fold to 2 levels (2)" onClick={() => store.foldToLevels(2)}>
          <ChevronsDownUp size={14} aria-hidden />
        </Button>
      </div>
      {values && <ValueLegend values={values} />}
      {(url.color === "kind" || url.color === "status") && <FixedLegend model={model} by={url.color} />}
    </>
  );
}

/** How many services the line has room for. */
function fitting(labels: readonly string[]): number {
  let room = window.innerWidth - TOOLS_PX;
  const tooMany = labels.findIndex((label) => (room -= LEGEND_ITEM_PX + label.length * LEGEND_LETTER_PX) < 0);
  return Math.max(1, Math.min(LEGEND_MAX, tooMany < 0 ? labels.length : tooMany));
}

/** What bars are coloured by: service, outcome, kind, or any attribute that spans of the trace have. */
function ColorChooser({ traceId, color, onChange }: { traceId: string; color: ColorBy; onChange: (color: ColorBy) => void }) {
  const fields = useQuery(traceFieldsQuery(traceId));
  const keys = (fields.data?.fields ?? []).filter((field) => field.kind !== "field");
  const options = [...Object.keys(COLORS).map((value) => ({ value })), ...keys.map(({ key, count }) => ({ value: key, ...(count !== null && { hint: group(count) }) }))];
  const label = Object.entries(COLORS).find(([, value]) => value === color)?.[0] ?? color.slice("attr:".length);
  const pick = (value: string | null) => {
    if (value === null) onChange("service");
    else onChange(Object.hasOwn(COLORS, value) ? COLORS[value as keyof typeof COLORS] : `attr:${value}`);
  };
  return <OptionPopover small label={`Colour: ${label}`} value={color === "service" ? undefined : label} none="No span of this trace has such an attribute." options={options} onPick={pick} />;
}

const STATUS_WORDS = [["none", "ok"], ["error", "error 4xx"], ["throttle", "throttle 429"], ["fault", "fault 5xx"]] as const;

/** What bars say that are coloured by kind or status: only what the trace has. */
function FixedLegend({ model, by }: { model: TraceModel; by: "kind" | "status" }) {
  useDark();
  const colors = readThemeColors();
  const counts = useMemo(() => countBy(model.count, (i) => (by === "kind" ? kindOf(model, i) : (outcomeOf(model, i) ?? "none"))), [model, by]);
  const statusColors = { none: colors.ok, error: colors.warn, throttle: colors.throttle, fault: colors.fault };
  const entries =
    by === "kind"
      ? model.kinds.map((kind, i) => ({ key: kind, label: kind.toLowerCase(), color: colors.kinds[i % colors.kinds.length]! }))
      : STATUS_WORDS.map(([key, label]) => ({ key, label, color: statusColors[key] }));
  return (
    <ul className={css.values} aria-label={by === "kind" ? "Colours of kinds" : "Colours of statuses"}>
      {entries.flatMap(({ key, label, color }) => {
        const count = counts.get(key) ?? 0;
        if (count === 0) return [];
        return (
          <li key={key} title={plural(count, "span")}>
            <i className={views.swatch} style={{ background: color }} />
            <span>
              {label} {group(count)}
            </span>
          </li>
        );
      })}
    </ul>
  );
}

function countBy(count: number, keyOf: (index: number) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i < count; i += 1) counts.set(keyOf(i), (counts.get(keyOf(i)) ?? 0) + 1);
  return counts;
}

function ValueLegend({ values: spans }: { values: SpanValues }) {
  const dark = useDark();
  const colors = valueColors(spans, dark);
  const more = spans.values.length - VALUES_SHOWN + spans.others.values;
  return (
    <ul className={css.values} aria-label="Colours of values">
      {spans.values.slice(0, VALUES_SHOWN).map(({ value, count }, i) => (
        <li key={value} title={`${value}: ${plural(count, "span")}`}>
          <i className={views.swatch} style={{ background: colors[i] }} />
          <span>{value}</span>
        </li>
      ))}
      {more > 0 && (
        <li>
          {spans.others.values > 0 && <i className={views.swatch} style={{ background: otherColor(dark) }} />}
          {plural(more, "more value")}
        </li>
      )}
      {spans.values.length === 0 && <li>no span has it</li>}
    </ul>
  );
}
