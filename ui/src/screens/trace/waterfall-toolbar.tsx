import { ChevronsDownUp, ChevronsUpDown, Palette, Route } from "lucide-react";
import type { LoadedTrace } from "../../engine/decode-trace";
import type { ColorBy, WaterfallStore } from "../../engine/waterfall-store";
import { Button } from "../../kit/button";
import { classNames } from "../../kit/class-names";
import { ChoiceMenu } from "../../kit/menu";
import { OptionPopover } from "../../kit/option-popover";
import { useServiceColors } from "../../kit/use-service-colors";
import { useUrl } from "../../kit/use-url";
import { plural } from "../../lib/format";
import css from "./waterfall.module.css";
import views from "./views.module.css";
import { printOnly, type TraceUrl } from "./trace-url";

/** Services with a button of their own; the others are in a list. */
const LEGEND_MAX = 8;
const LEGEND_MAX_NARROW = 4;
const NARROW_PX = 1200;
const COLORS: readonly { value: ColorBy; label: string }[] = [
  { value: "service", label: "Service" },
  { value: "status", label: "Status" },
  { value: "kind", label: "Kind" },
];

/** What is shown of the waterfall and how: services, colours, clocks, folds. */
export function WaterfallToolbar({ trace, store, url }: { trace: LoadedTrace; store: WaterfallStore; url: TraceUrl }) {
  const { patch } = useUrl();
  const { model } = trace;
  const colors = useServiceColors(model.services);
  const only = new Set(url.only);
  const toggle = (service: string) => {
    const next = only.has(service) ? url.only.filter((one) => one !== service) : [...url.only, service];
    patch({ only: printOnly(next) });
  };
  const named = window.innerWidth < NARROW_PX ? LEGEND_MAX_NARROW : LEGEND_MAX;
  const legend = model.services.slice(0, named);
  const extra = url.only.filter((service) => !legend.includes(service));
  const others = model.services.slice(named).filter((service) => !only.has(service));
  return (
    <div className={views.toolbar}>
      <div className={css.legend} role="group" aria-label="Show only these services">
        {[...legend, ...extra].map((service) => (
          <button key={service} type="button" className={classNames(css.legendItem, only.size > 0 && !only.has(service) && css.legendOff)} aria-pressed={only.has(service)} title={`Show only ${service}`} onClick={() => toggle(service)}>
            <i className={views.swatch} style={{ background: colors.get(service) }} />
            <span>{service === "" ? "no service" : service}</span>
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
      <ChoiceMenu
        trigger={
          <Button small>
            <Palette size={13} aria-hidden /> {COLORS.find((one) => one.value === url.color)!.label}
          </Button>
        }
        label="Colour bars by"
        value={url.color}
        choices={COLORS}
        onChange={(color) => patch({ color: color === "service" ? null : color })}
      />
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
  );
}
