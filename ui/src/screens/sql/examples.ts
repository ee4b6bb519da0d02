/** Statements that answer a first question and show what the tables can do. */
export const EXAMPLES: readonly { title: string; sql: string }[] = [
  {
    title: "Services by errors",
    sql: `SELECT service,
       count(*) AS spans,
       count(*) FILTER (WHERE status = 'ERROR') AS errors,
       round(percentile(duration_ns, 0.95) / 1e6, 2) AS p95_ms
FROM spans
GROUP BY service
ORDER BY errors DESC, spans DESC
LIMIT 50`,
  },
  {
    title: "Slowest spans",
    sql: `SELECT trace_id, service, name, duration_ns, start_time
FROM spans
ORDER BY duration_ns DESC
LIMIT 100`,
  },
  {
    title: "Log records with words",
    sql: `SELECT time, service, severity, body, trace_id
FROM logs
WHERE match(body, 'error')
ORDER BY time DESC
LIMIT 200`,
  },
  {
    title: "Spans per minute",
    sql: `SELECT date_trunc('minute', start_time) AS minute, count(*) AS spans
FROM spans
GROUP BY minute
ORDER BY minute DESC
LIMIT 120`,
  },
  {
    title: "Database calls per trace",
    sql: `SELECT trace_id, count(*) AS calls, sum(duration_ns) AS total_ns
FROM spans
WHERE attributes['db.operation.name'] IS NOT NULL
GROUP BY trace_id
ORDER BY calls DESC
LIMIT 50`,
  },
];
