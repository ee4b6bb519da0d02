import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { heatmapQuery } from "../../../api/cause";
import type { Window } from "../../../api/queries";
import { heatOf } from "../../../engine/heatmap";
import { NoDataInRange } from "../../../kit/no-data";
import { NothingMatches } from "../../../kit/nothing-matches";
import { isStopped } from "../../../kit/panels";
import { ErrorState, Note, Skeleton } from "../../../kit/states";
import { PanelStatus } from "../../../kit/stream-status";
import { TAB_PANEL_ID, tabId } from "../../../kit/tabs";
import { useUrl } from "../../../kit/use-url";
import { boxPatch, readBox } from "../../../lib/selection-url";
import { Differences } from "./differences";
import { HeatmapPlot } from "./heatmap-plot";
import css from "./heatmap.module.css";

/** Matching spans by time and duration; a box drawn over them is compared with the rest. */
export function HeatmapTab(props: { text: string; editable: string; window: Window; onChange: (text: string) => void }) {
  const { text, window } = props;
  const { search, patch } = useUrl();
  const query = useQuery(heatmapQuery(window, text));
  const heat = useMemo(() => (query.data ? heatOf(query.data) : null), [query.data]);
  const read = useMemo(() => readBox(search), [search]);
  const box = read.ok ? read.value : null;
  const stopped = isStopped(query);
  if (query.isError && !heat && !stopped) return <ErrorState title="The heatmap could not be loaded" error={query.error} onRetry={() => void query.refetch()} />;
  if (heat && heat.spans === 0 && !query.isPlaceholderData) {
    if (text === "") return <NoDataInRange signal="spans" />;
    return (
      <NothingMatches
        signal="spans"
        noun="trace"
        explanation="The heatmap is drawn from the spans that fulfil all conditions and start in the range."
        text={text}
        window={window}
        onChange={props.onChange}
      />
    );
  }
  return (
    <div className={css.tab} id={TAB_PANEL_ID} role="tabpanel" aria-labelledby={tabId("heatmap")}>
      {!read.ok && <Note error>{read.message}</Note>}
      {query.data?.exact === false && <Note>The search is about whole traces, and too many come into question: spans of all of them are drawn.</Note>}
      <PanelStatus stopped={stopped}>Spans by time and duration</PanelStatus>
      <div className={css.columns}>
        {heat ? (
          <HeatmapPlot heat={heat} box={box} stale={query.isPlaceholderData} onSelect={(next) => patch(boxPatch(next))} />
        ) : (
          <div className={css.waiting} aria-busy={!stopped}>
            {!stopped && <Skeleton height="100%" />}
          </div>
        )}
        <Differences {...props} box={box} onBox={(next) => patch(boxPatch(next))} />
      </div>
    </div>
  );
}
