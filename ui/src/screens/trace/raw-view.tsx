import { useQuery } from "@tanstack/react-query";
import { Download } from "lucide-react";
import { useMemo } from "react";
import { traceOtlpQuery } from "../../api/queries";
import { type OtlpTrace, toJaeger, toTraceEvents } from "../../engine/export-trace";
import { Button, CopyButton } from "../../kit/button";
import { saveFile } from "../../kit/save-file";
import { ErrorState, Skeleton } from "../../kit/states";
import { formatBytes } from "../../lib/format";
import { stringifyExact } from "../../lib/json";
import css from "./views.module.css";
import screen from "./trace-screen.module.css";

/** More than this is offered as a download only: a browser cannot show 50 MB of text well. */
const SHOWN_CHARACTERS = 500_000;

/** The trace as OTLP/JSON, as it was sent. */
export function RawView({ traceId }: { traceId: string }) {
  const query = useQuery(traceOtlpQuery(traceId));
  const text = useMemo(() => (query.data === undefined ? null : stringifyExact(query.data, 2)), [query.data]);
  if (query.isError) return <ErrorState title="The OTLP form could not be loaded" error={query.error} onRetry={() => void query.refetch()} />;
  if (text === null) {
    return (
      <div className={screen.skeleton}>
        {Array.from({ length: 16 }, (_, i) => (
          <Skeleton key={i} width={`${30 + ((i * 29) % 40)}%`} />
        ))}
      </div>
    );
  }
  const save = (form: string, content: string) => saveFile(new Blob([content], { type: "application/json" }), `trace-${traceId}.${form}.json`);
  const otlp = query.data as OtlpTrace;
  return (
    <>
      <div className={css.rawBar}>
        <Button small onClick={() => save("otlp", text)}>
          <Download size={13} aria-hidden /> Download OTLP/JSON
        </Button>
        <Button small onClick={() => save("jaeger", stringifyExact(toJaeger(traceId, otlp)))} title="For Jaeger's Upload file">
          <Download size={13} aria-hidden /> Jaeger JSON
        </Button>
        <Button small onClick={() => save("perfetto", stringifyExact(toTraceEvents(otlp)))} title="Trace Event Format, for ui.perfetto.dev and chrome://tracing">
          <Download size={13} aria-hidden /> Perfetto
        </Button>
        <CopyButton text={text} label="Copy OTLP/JSON">
          Copy
        </CopyButton>
        <span>
          {formatBytes(text.length)}
          {text.length > SHOWN_CHARACTERS && `, the first ${formatBytes(SHOWN_CHARACTERS)} are shown`}
        </span>
      </div>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre className={css.raw} tabIndex={0} aria-label="OTLP/JSON">
        {text.slice(0, SHOWN_CHARACTERS)}
      </pre>
    </>
  );
}
