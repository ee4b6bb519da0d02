import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { peersQuery } from "../../api/queries";
import type { Span } from "../../api/types";
import { Button } from "../../kit/button";
import { formatDuration, formatShare, group } from "../../lib/format";
import { nanos } from "../../lib/time";
import css from "./inspector.module.css";
import { Section } from "./section";

const BEFORE_NS = 86_400_000_000_000n;
const AFTER_NS = 3_600_000_000_000n;

/** Whether the span is slow for what it does: among the spans of its operation. Asked for, for it scans them. */
export function PeersSection({ span }: { span: Span }) {
  const [asked, setAsked] = useState(false);
  const start = nanos(span.start_time_unix_nano);
  const window = { from: nanos(String(start - BEFORE_NS)), to: nanos(String(start + AFTER_NS)) };
  const query = useQuery({ ...peersQuery(span.service, span.name, Math.max(0, span.duration_ns), window), enabled: asked });
  if (!asked) {
    return (
      <div className={css.actions}>
        <Button small onClick={() => setAsked(true)}>
          Is that slow?
        </Button>
      </div>
    );
  }
  return (
    <Section title="Among others" hint="same operation, from 24 h before to 1 h after">
      <p className={css.pathNote} role="status">
        {query.isPending && "Counting…"}
        {query.isError && `They could not be counted: ${query.error.message}`}
        {query.data && (
          <>
            As slow as or slower than {formatShare(query.data.notLonger, query.data.count)} of {group(query.data.count)}: half take up to {formatDuration(query.data.p50)}, 95% up to{" "}
            {formatDuration(query.data.p95)}, the longest {formatDuration(query.data.max)}.
          </>
        )}
      </p>
    </Section>
  );
}
