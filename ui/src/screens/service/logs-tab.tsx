import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { newestLogsQuery } from "../../api/queries";
import { addCondition, allOf, attributeCondition } from "../../engine/search/edit";
import { buttonClass } from "../../kit/button";
import { LogList } from "../../kit/log-list";
import { LogRate } from "../../kit/log-rate";
import { EmptyState, ErrorState } from "../../kit/states";
import { useTime } from "../../kit/time-context";
import { useUrl } from "../../kit/use-url";
import { plural } from "../../lib/format";
import { carryOver, href } from "../../lib/url-state";
import css from "./service-screen.module.css";

const NEWEST_SHOWN = 50;

/** What the service writes: its log records over time by severity, and the newest errors. */
export function LogsTab({ service }: { service: string }) {
  const { window, zone } = useTime();
  const { search, navigate } = useUrl();
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const carry = carryOver(search);
  const ofService = allOf(["service", service]);
  const failing = `${ofService} severity>=error`;
  const query = useQuery(newestLogsQuery(window, failing, NEWEST_SHOWN));
  const page = query.data;
  const logs = page?.logs ?? [];
  const more = page !== undefined && page.next_cursor !== null;
  const toggle = (id: string) => {
    const next = new Set(open);
    if (!next.delete(id)) next.add(id);
    setOpen(next);
  };
  return (
    <>
      <LogRate text={ofService} window={window} />
      <div className={css.logsHead}>
        <h2 className={css.title}>
          Newest errors {page && <small>{more ? `the latest ${NEWEST_SHOWN}` : plural(logs.length, "log record")}</small>}
        </h2>
        <Link className={buttonClass("default", true)} href={href("/logs", { q: failing }, carry)}>
          All errors in Logs
        </Link>
        <Link className={buttonClass("default", true)} href={href("/logs", { q: ofService }, carry)}>
          All records in Logs
        </Link>
      </div>
      {query.isError && !page ? (
        <ErrorState title="The log records could not be loaded" error={query.error} onRetry={() => void query.refetch()} />
      ) : !page ? (
        <div className={css.waiting} aria-busy="true" />
      ) : logs.length === 0 ? (
        <EmptyState title="No error in the log of this service">
          <p>None of its log records in the range has severity error or fatal.</p>
        </EmptyState>
      ) : (
        <div className={css.logs}>
          <LogList
            logs={logs}
            query=""
            zone={zone}
            open={open}
            onToggle={(log) => toggle(log.id)}
            carry={carry}
            onFilter={(key, value) => navigate(href("/logs", { q: addCondition(failing, attributeCondition(key, value), "logs") }, carry))}
          />
        </div>
      )}
    </>
  );
}
