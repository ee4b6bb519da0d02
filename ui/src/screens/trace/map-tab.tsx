import { useQuery } from "@tanstack/react-query";
import { traceMapQuery } from "../../api/queries";
import { ErrorState } from "../../kit/states";
import { TraceMap } from "./trace-map";
import views from "./views.module.css";

/** Who calls whom in this trace. A click on a node finds its spans in the waterfall. */
export function MapTab({ traceId, onFind }: { traceId: string; onFind: (text: string) => void }) {
  const query = useQuery(traceMapQuery(traceId));
  if (query.isError) return <ErrorState title="The map of the trace could not be loaded" error={query.error} onRetry={() => void query.refetch()} />;
  return <div className={views.map} aria-busy={query.isPending}>{query.data && <TraceMap map={query.data} wheel onFind={onFind} />}</div>;
}
