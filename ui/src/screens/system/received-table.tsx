import { useQuery } from "@tanstack/react-query";
import { type ReceivedSignal, systemQuery } from "../../api/system";
import { classNames } from "../../kit/class-names";
import { ErrorState, Skeleton } from "../../kit/states";
import { lag, lastArrival, refusedRequests, refusedText } from "../../kit/system-words";
import { useTime } from "../../kit/time-context";
import { formatBytes, formatDuration, group } from "../../lib/format";
import { formatDateTime, nanos, type UnixNanos } from "../../lib/time";
import table from "../../kit/table.module.css";
import css from "./system-screen.module.css";

/** What came in since the start by signal, what of it was not taken, and how much lies on the disk. */
export function ReceivedTable() {
  const { data, isError, error, refetch } = useQuery(systemQuery());
  const { zone } = useTime();
  return (
    <section className={css.received} aria-labelledby="received">
      <div className={css.head}>
        <h2 id="received">Received and stored</h2>
        {data && <span className={css.count}>since the start at {formatDateTime(nanos(data.started_unix_nano), zone)}</span>}
      </div>
      {isError && !data ? (
        <ErrorState title="What was received could not be loaded" error={error} onRetry={() => void refetch()} />
      ) : !data ? (
        <div className={css.loading} aria-busy="true">
          <Skeleton width="60%" />
        </div>
      ) : (
        <div className={css.scroller}>
          <table className={classNames(table.list, css.table)}>
            <thead>
              <tr>
                <th scope="col">Signal</th>
                <th scope="col" className={table.number}>Accepted</th>
                <th scope="col" className={table.number}>Records rejected</th>
                <th scope="col" className={table.number}>Requests refused</th>
                <th scope="col" className={table.number}>Last came</th>
                <th scope="col" className={table.number} title="Of the newest record of the last request; a sender waits until a batch is full">Age on arrival</th>
                <th scope="col" className={table.number}>On the disk</th>
              </tr>
            </thead>
            <tbody>
              <SignalRow name="Spans" received={data.received.spans} bytes={data.disk.spans_bytes} now={nanos(data.now_unix_nano)} />
              <SignalRow name="Log records" received={data.received.logs} bytes={data.disk.logs_bytes} now={nanos(data.now_unix_nano)} />
            </tbody>
          </table>
          <p className={css.note}>
            Rejected records have no valid id; their senders were told. Of a refused request nothing is stored. The write-ahead log takes{" "}
            {formatBytes(data.disk.wal_bytes)} besides.{" "}
            {data.retention_ns === null ? "Everything is kept: no retention is set." : `Data is kept for ${formatDuration(data.retention_ns)}.`}
          </p>
        </div>
      )}
    </section>
  );
}

function SignalRow({ name, received, bytes, now }: { name: string; received: ReceivedSignal; bytes: number; now: UnixNanos }) {
  const refused = refusedRequests(received);
  const age = lag(received);
  return (
    <tr>
      <td>{name}</td>
      <td className={table.number}>{group(received.accepted)}</td>
      <td className={classNames(table.number, received.rejected > 0 && css.bad)}>{group(received.rejected)}</td>
      <td className={classNames(table.number, refused > 0 && css.bad)}>{refused > 0 ? `${group(refused)} (${refusedText(received.refused)})` : "0"}</td>
      <td className={table.number}>{lastArrival(received, now)}</td>
      <td className={classNames(table.number, age.late && css.bad)}>{age.age}</td>
      <td className={table.number}>{formatBytes(bytes)}</td>
    </tr>
  );
}
