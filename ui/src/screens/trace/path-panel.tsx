import { X } from "lucide-react";
import { useMemo, useState } from "react";
import { Link } from "wouter";
import { whereTheTimeWent } from "../../engine/critical-path";
import type { WaterfallStore } from "../../engine/waterfall-store";
import { Button } from "../../kit/button";
import { useServiceColors } from "../../kit/use-service-colors";
import { useUrl } from "../../kit/use-url";
import { formatDuration, formatNanos, formatShare, plural } from "../../lib/format";
import { carryOver, href } from "../../lib/url-state";
import css from "./inspector.module.css";
import views from "./views.module.css";

const ROWS_SHOWN = 40;

/** The critical path as a table: operations by the time that the end of the trace waited for them. */
export function PathPanel({ traceId, store, onSelect, onClose }: { traceId: string; store: WaterfallStore; onSelect: (index: number) => void; onClose: () => void }) {
  const { model } = store;
  const { search } = useUrl();
  const [all, setAll] = useState(false);
  const rows = useMemo(() => whereTheTimeWent(model), [model]);
  const colors = useServiceColors(model.services);
  const shown = all ? rows : rows.slice(0, ROWS_SHOWN);
  return (
    <aside className={css.inspector} style={{ width: 388 }} aria-label="Where the time went">
      {/* A scrolling region takes the focus so that the keyboard can scroll it. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className={css.inspectorBody} tabIndex={0} role="region" aria-label="Critical path">
        <div className={css.inspectorHead}>
          <h2>Where the time went</h2>
          <Button look="quiet" small iconLabel="Close (c)" onClick={onClose}>
            <X size={15} aria-hidden />
          </Button>
        </div>
        <p className={css.pathNote}>
          The end of the trace waited for these, one after the other; together they are its {formatDuration(model.durationNs)}. What ran beside them could be slower without anyone noticing.
        </p>
        <p className={css.pathNote}>
          <Link href={href(`/compare/baseline...${traceId}`, {}, carryOver(search))}>Compare with what is usual</Link>
        </p>
        <table className={views.pathTable} aria-label="Operations on the critical path">
          <thead>
            <tr>
              <th scope="col">Operation</th>
              <th scope="col">On the path</th>
              <th scope="col">Share</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => {
              const service = row.service < 0 ? null : model.services[row.service]!;
              return (
                <tr key={`${row.service} ${row.name}`}>
                  <td>
                    {service === null ? (
                      <span className={views.pathNothing}>no span of the path (between roots, or asynchronous work only)</span>
                    ) : (
                      <button type="button" className={views.pathName} onClick={() => onSelect(row.longest)} title={`Show the longest of ${plural(row.sections, "section")}`}>
                        <i className={views.swatch} style={{ background: colors.get(service) }} />
                        <span>
                          <b>{service}</b> {model.names[row.name]}
                        </span>
                      </button>
                    )}
                  </td>
                  <td className={views.number} title={formatNanos(row.ns)}>
                    {formatDuration(row.ns)}
                  </td>
                  <td className={views.number}>
                    {formatShare(row.ns, model.durationNs)}
                    <span className={views.track} aria-hidden>
                      <span style={{ width: `${(row.ns / rows[0]!.ns) * 100}%` }} />
                    </span>
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
        {rows.length > shown.length && (
          <Button small onClick={() => setAll(true)}>
            Show {plural(rows.length - shown.length, "more operation")}
          </Button>
        )}
      </div>
    </aside>
  );
}
