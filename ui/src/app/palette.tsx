import { useQuery } from "@tanstack/react-query";
import { ChartNoAxesGantt, type LucideIcon, Route, Search, Server } from "lucide-react";
import { type KeyboardEvent, useState } from "react";
import { servicesQuery } from "../api/queries";
import controls from "../kit/controls.module.css";
import { Dialog } from "../kit/dialog";
import { useUrl } from "../kit/use-url";
import { flowHref } from "../lib/flow-href";
import { recogniseId } from "../lib/ids";
import { carryOver, href } from "../lib/url-state";
import { SCREENS } from "./screens-list";
import css from "./shell.module.css";

interface Target {
  label: string;
  hint: string;
  href: string;
  icon: LucideIcon;
}

const TARGETS_MAX = 40;

/** Ctrl K: a pasted id opens its trace, a few letters a screen or a service, any text its flow. */
export function Palette({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog open={open} onOpenChange={(next) => next || onClose()} title="Go to" plain>
      <PaletteList onClose={onClose} />
    </Dialog>
  );
}

function PaletteList({ onClose }: { onClose: () => void }) {
  const { navigate, search } = useUrl();
  const services = useQuery(servicesQuery(null));
  const [text, setText] = useState("");
  const [active, setActive] = useState(0);
  const targets = findTargets(text, carryOver(search), services.data?.map((row) => row.service) ?? []);
  const open = (target: Target | undefined) => {
    if (!target) return;
    onClose();
    navigate(target.href);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && targets.length > 0) {
      event.preventDefault();
      const next = (active + step + targets.length) % targets.length;
      setActive(next);
      document.getElementById(`target-${next}`)?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter") {
      event.preventDefault();
      open(targets[active]);
    }
  };
  return (
    <>
      <div className={css.paletteInput}>
        <Search size={16} aria-hidden />
        <input
          role="combobox"
          aria-expanded
          aria-controls="targets"
          aria-activedescendant={targets.length > 0 ? `target-${active}` : undefined}
          aria-label="Trace id, service or screen"
          placeholder="Paste a trace id or an order number, or type a service or screen"
          value={text}
          spellCheck={false}
          onChange={(event) => {
            setText(event.target.value);
            setActive(0);
          }}
          onKeyDown={onKeyDown}
        />
        <span className={controls.kbd}>Esc</span>
      </div>
      <ul className={css.paletteList} id="targets" role="listbox" aria-label="Places">
        {targets.map((target, i) => (
          // The keyboard is handled by the input, as the combobox pattern asks.
          // oxlint-disable-next-line jsx-a11y/click-events-have-key-events
          <li key={target.href} id={`target-${i}`} role="option" aria-selected={i === active} className={css.paletteItem} onPointerMove={() => setActive(i)} onClick={() => open(target)}>
            <target.icon size={16} strokeWidth={1.7} aria-hidden />
            <span>{target.label}</span>
            <small>{target.hint}</small>
          </li>
        ))}
      </ul>
    </>
  );
}

function findTargets(text: string, carry: string, services: string[]): Target[] {
  const id = recogniseId(text);
  const value = text.trim();
  const flow: Target[] = value === "" ? [] : [{ label: `Open flow of ${value}`, hint: "flow", href: flowHref(value, carry), icon: Route }];
  if (id?.kind === "trace") {
    return [{ label: `Trace ${id.id}`, hint: "open", href: href(`/trace/${id.id}`, {}, carry), icon: ChartNoAxesGantt }, ...flow];
  }
  if (id?.kind === "span") {
    const spans = { label: `Traces with span ${id.id}`, hint: "search", href: href("/traces", { q: `span_id:${id.id}` }, carry), icon: ChartNoAxesGantt };
    return [spans, { label: `Log records of span ${id.id}`, hint: "search", href: href("/logs", { q: `span_id:${id.id}` }, carry), icon: Search }, ...flow];
  }
  const wanted = value.toLowerCase();
  const screens = SCREENS.map((screen) => ({ label: screen.label, hint: screen.path === "/flow" ? "by order number, session, request id" : "screen", href: href(screen.path, {}, carry), icon: screen.icon }));
  const byService = services.map((service) => ({
    label: service, hint: "service", href: href("/services", { service }, carry), icon: Server,
  }));
  const named = [...screens, ...byService].filter((target) => target.label.toLowerCase().includes(wanted));
  return [...named.slice(0, TARGETS_MAX), ...flow];
}
