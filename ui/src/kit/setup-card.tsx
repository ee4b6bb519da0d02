import type { ServerStatus } from "../api/types";
import { CopyButton } from "./button";
import css from "./setup-card.module.css";

/** How to send the first data; the lake's real addresses, a command that works when pasted. */
export function SetupCard({ status, waiting = true }: { status: ServerStatus; waiting?: boolean }) {
  const http = reachable(status.otlp_http);
  const grpc = reachable(status.otlp_grpc);
  return (
    <div className={css.scroller}>
      <section className={css.card} aria-labelledby="setup-title">
        <h2 id="setup-title">{waiting ? "Waiting for the first span" : "Send traces and logs"}</h2>
        <p className={css.lead}>
          {waiting && <span className={css.pulse} aria-hidden />}
          {waiting
            ? "Spanlake is running and empty. This page turns into your data by itself."
            : "Any OpenTelemetry SDK, agent or collector can send here."}
        </p>
        <dl className={css.endpoints}>
          <div>
            <dt>OTLP/gRPC</dt>
            <dd>{grpc}</dd>
          </div>
          <div>
            <dt>OTLP/HTTP</dt>
            <dd>http://{http}</dd>
          </div>
        </dl>
        <Snippet title="Try it: one span from a shell" text={curlCommand(http)} />
        <Snippet title="Your service: environment of any OpenTelemetry SDK" text={sdkEnvironment(http)} />
        <p className={css.foot}>
          With gRPC use <code>OTEL_EXPORTER_OTLP_ENDPOINT=http://{grpc}</code> and <code>OTEL_EXPORTER_OTLP_PROTOCOL=grpc</code>.
        </p>
      </section>
    </div>
  );
}

function Snippet({ title, text }: { title: string; text: string }) {
  return (
    <div className={css.snippet}>
      <div className={css.snippetHead}>
        <h3>{title}</h3>
        <CopyButton text={text} label={`Copy: ${title}`}>
          Copy
        </CopyButton>
      </div>
      {/* A scrolling code block takes the focus so that the keyboard can scroll it. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre tabIndex={0} aria-label={title}>
        {text}
      </pre>
    </div>
  );
}

/** A server that listens on every interface is reached by the name this page came from. */
function reachable(address: string): string {
  const match = /^(?:0\.0\.0\.0|\[::\]):(\d+)$/.exec(address);
  return match ? `${window.location.hostname}:${match[1]}` : address;
}

/** Ids and times are made by the shell, so that every paste sends a new span of this moment. */
function curlCommand(http: string): string {
  return `NOW=$(date +%s)
curl -sS http://${http}/v1/traces -H 'Content-Type: application/json' -d '{
  "resourceSpans": [{
    "resource": {"attributes": [
      {"key": "service.name", "value": {"stringValue": "hello-spanlake"}}]},
    "scopeSpans": [{"spans": [{
      "traceId": "'$(od -An -N16 -tx1 /dev/urandom | tr -d ' \\n')'",
      "spanId": "'$(od -An -N8 -tx1 /dev/urandom | tr -d ' \\n')'",
      "name": "GET /hello", "kind": 2,
      "startTimeUnixNano": "'$NOW'000000000", "endTimeUnixNano": "'$NOW'042000000"
    }]}]
  }]
}'`;
}

function sdkEnvironment(http: string): string {
  return `export OTEL_EXPORTER_OTLP_ENDPOINT=http://${http}
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export OTEL_TRACES_EXPORTER=otlp OTEL_LOGS_EXPORTER=otlp
export OTEL_SERVICE_NAME=my-service`;
}
