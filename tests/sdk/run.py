"""Both SDKs over every transport and compression they have; each sends the same trace, which must be found whole."""

import json
import os
import pathlib
import subprocess
import sys

from spanlake import Server

HERE = pathlib.Path(__file__).resolve().parent

RUNS = [
    (language, protocol, compression)
    for language, protocols in (("python", ("grpc", "http/protobuf")), ("node", ("grpc", "http/protobuf", "http/json")))
    for protocol in protocols
    for compression in ("none", "gzip")
]

ATTRIBUTES = {
    "text": "zażółć", "integer": 9007199254740991, "negative": -7, "double": 0.25, "yes": True, "no": False,
    "texts": ["a", "b"], "integers": [1, 2], "doubles": [0.5, 1.5], "flags": [True, False],
    "http.request.method": "POST", "http.response.status_code": 502,
}


def send(server, language, protocol, compression):
    """Runs the sender as a process of its own and returns what it says it sent."""
    service = f"{language} {protocol} {compression}"
    port = "otlp_grpc" if protocol == "grpc" else "otlp_http"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OTEL_")}
    environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://{server.addresses[port]}"
    # Python's gRPC exporter does not know the specification's word "none".
    if compression != "none":
        environment["OTEL_EXPORTER_OTLP_COMPRESSION"] = compression
    program = [sys.executable, HERE / "send_python.py"] if language == "python" else ["node", HERE / "node" / "send.mjs"]
    done = subprocess.run(
        [*program, service, protocol], env=environment, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, f"{service}: {done.stderr}"
    # An exporter that fails says so and lets the program go on.
    assert "xport" not in done.stderr, f"{service}: {done.stderr}"
    sent = json.loads(done.stdout)
    assert sent["flushed"], f"{service}: not flushed: {done.stderr}"
    return service, sent


class Comparison:
    """Counts what was compared, and names what differs."""

    def __init__(self, service):
        self.service = service
        self.made = 0

    def equal(self, what, got, expected):
        self.made += 1
        assert got == expected, f"{self.service}: {what}: {got!r}, not {expected!r}"


def check_trace(server, service, sent):
    compare = Comparison(service)
    trace = server.get(f"/api/v1/traces/{sent['trace_id']}")
    spans = {span["name"]: span for span in trace["spans"]}
    compare.equal("span ids", {name: span["span_id"] for name, span in spans.items()}, sent["spans"])
    compare.equal("complete", trace["complete"], True)
    compare.equal("error_count", trace["error_count"], 1)
    checkout, charge, ship = spans["checkout"], spans["charge card"], spans["ship"]
    compare.equal("service", {span["service"] for span in trace["spans"]}, {service})
    compare.equal("kinds", [checkout["kind"], charge["kind"], ship["kind"]], ["SERVER", "CLIENT", "INTERNAL"])
    parents = [checkout["parent_span_id"], charge["parent_span_id"], ship["parent_span_id"]]
    compare.equal("parents", parents, [None, sent["spans"]["checkout"], sent["spans"]["checkout"]])
    compare.equal("status", [charge["status"], charge["status_message"]], ["ERROR", "card refused"])
    compare.equal("scope", checkout["scope"], {"name": "shop", "version": "1.2.3"})
    for key, value in ATTRIBUTES.items():
        compare.equal(f"attribute {key}", checkout["attributes"].get(key), value)
    compare.equal("number of attributes", len(checkout["attributes"]), len(ATTRIBUTES))
    compare.equal("resource", [checkout["resource"][key] for key in ("deployment.environment.name", "host.cores")], ["test", 2])
    retry, exception = charge["events"]
    compare.equal("event", [retry["name"], retry["attributes"]], ["retry", {"attempt": 2, "reason": "timeout"}])
    compare.equal("exception", [exception["name"], exception["attributes"]["exception.message"]], ["exception", "card refused"])
    compare.equal("stack trace", "card refused" in exception["attributes"]["exception.stacktrace"], True)
    link = ship["links"][0]
    compare.equal("link", [link["trace_id"], link["span_id"]], [sent["trace_id"], sent["spans"]["charge card"]])
    compare.equal("link attributes", link["attributes"], {"why": "after"})
    check_logs(server, compare, trace, sent)
    return compare.made


def check_logs(server, compare, trace, sent):
    logs = {log["span_id"]: log for log in trace["logs"]}
    received = logs[sent["spans"]["checkout"]]
    compare.equal("log", [received["body"], received["severity"]], ["order received", "INFO"])
    compare.equal("log attributes", received["attributes"], {"order.id": 17, "customer": "ann"})
    compare.equal("log scope", received["scope"], {"name": "shop.log", "version": "4.5.6"})
    failed = logs[sent["spans"]["charge card"]]
    compare.equal("structured body", failed["body"], {"what": "payment failed", "codes": [5, "x"]})
    compare.equal("severity", [failed["severity"], failed["severity_number"]], ["ERROR", 17])
    found = server.get(f"/api/v1/logs?trace_id={sent['trace_id']}&min_severity=ERROR")["logs"]
    compare.equal("log search", [log["span_id"] for log in found], [sent["spans"]["charge card"]])


def check_sql(server, service, sent):
    compare = Comparison(service)
    where = f"WHERE service = '{service}'"
    compare.equal("spans by SQL", server.sql(f"SELECT count(*), count(DISTINCT trace_id) FROM spans {where}"), [(3, 1)])
    compare.equal("logs by SQL", server.sql(f"SELECT count(*), count(DISTINCT span_id) FROM logs {where}"), [(2, 2)])
    server_errors = f"SELECT name FROM spans {where} AND attributes['http.response.status_code'] >= 500"
    compare.equal("attribute by SQL", server.sql(server_errors), [("checkout",)])
    by_word = f"SELECT trace_id FROM logs {where} AND match(body, 'payment failed')"
    compare.equal("words by SQL", server.sql(by_word), [(sent["trace_id"],)])
    sums = f"SELECT sum(duration_ns) > 0, bool_and(end_time >= start_time) FROM spans {where}"
    compare.equal("durations by SQL", server.sql(sums), [(True, True)])
    return compare.made


def main():
    made = 0
    with Server("--flush-interval", "1h") as server:
        sent = [send(server, *run) for run in RUNS]
        for phase in ("from the memtable", "after flush"):
            for service, ids in sent:
                made += check_trace(server, service, ids) + check_sql(server, service, ids)
            print(f"{phase}: {len(sent)} senders found")
            server.flush()
        services = {entry["service"] for entry in server.get("/api/v1/services")["services"]}
        assert services == {service for service, _ in sent}, services
        server.stop()
    print(f"{made} comparisons passed")


if __name__ == "__main__":
    main()
