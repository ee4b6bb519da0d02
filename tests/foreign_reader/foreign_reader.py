"""The lake read with deltalake (its own SQL engine, and pyarrow over the files) against our SQL over HTTP.

Checked after a flush into several segments, after compaction, and after a graceful stop.
"""

import collections
import json

import pyarrow.compute as pc
from deltalake import DeltaTable, QueryBuilder

from spanlake import ROOT, Server

PACKS = ("ci-boutique", "ci-trainticket")
TABLES = {"spans": ("start_time_unix_nano", "start_time"), "logs": ("time_unix_nano", "time")}


def ours(server):
    """Rows per service, and the exact first and last time, of both tables."""
    answers = {}
    for table, (_, time) in TABLES.items():
        counts = dict(server.sql(f"SELECT service, count(*) FROM {table} GROUP BY service"))
        first_and_last = server.sql(f"SELECT CAST(min({time}) AS BIGINT), CAST(max({time}) AS BIGINT) FROM {table}")[0]
        answers[table] = (counts, first_and_last)
    return answers


def by_query_builder(table, lake, time):
    """deltalake's own reader."""
    engine = QueryBuilder().register(table, lake)

    def ask(statement):
        answer = engine.execute(statement).read_all()
        return [column.to_pylist() for column in answer.columns]

    services, counts = ask(f"SELECT service, count(*) AS n FROM {table} GROUP BY service")
    first, last = ask(f"SELECT min({time}) AS first, max({time}) AS last FROM {table}")
    return dict(zip(services, counts, strict=True)), (first[0], last[0])


def by_pyarrow(lake, time):
    """The live files of the table, read by Arrow C++."""
    rows = lake.to_pyarrow_dataset().to_table(columns=["service", time])
    counts = collections.Counter(rows["service"].to_pylist())
    return dict(counts), (pc.min(rows[time]).as_py(), pc.max(rows[time]).as_py())


def compare(server, phase, expected):
    """Returns how many comparisons were made."""
    made = 0
    for table, (nanos, micros) in TABLES.items():
        lake = DeltaTable(str(server.data_dir / "lake" / table))
        files = len(lake.file_uris())
        for reader, found in (
            ("deltalake", by_query_builder(table, lake, nanos)),
            ("pyarrow", by_pyarrow(lake, nanos)),
        ):
            assert found == expected[table], f"{phase}: {table} by {reader}: {found}, not {expected[table]}"
            made += 1
        # The microsecond column says the same time, for readers that want a timestamp.
        rows = lake.to_pyarrow_dataset().to_table(columns=[nanos, micros])
        difference = pc.subtract(pc.divide(rows[nanos], 1000), pc.cast(rows[micros], "int64"))
        assert pc.max(pc.abs(difference)).as_py() == 0, f"{phase}: {table}: {micros} is not {nanos} in microseconds"
        assert lake.metadata().partition_columns == ["date"], lake.metadata()
        made += 2
        total = sum(expected[table][0].values())
        print(f"{phase}: {table}: {total} rows of {len(expected[table][0])} services in {files} files, the same for both readers")
    return made


def expected_counts():
    """What the packs' own manifests say, so that both sides cannot be wrong together."""
    counts = {table: collections.Counter() for table in TABLES}
    for pack in PACKS:
        facts = json.loads((ROOT / "tests" / "data" / pack / "manifest.json").read_text())["facts"]
        for table in TABLES:
            counts[table].update(facts[f"{table}_per_service"])
    return counts


def main():
    made = 0
    with Server("--flush-interval", "1h", "--flush-rows", "1000000000", "--flush-bytes", "8GiB") as server:
        for pack in PACKS:
            server.replay(pack)
            server.flush()
        expected = ours(server)
        for table, counts in expected_counts().items():
            assert expected[table][0] == dict(counts), f"{table}: {expected[table][0]}, not {dict(counts)}"
        made += compare(server, "after flush", expected)
        server.compact()
        made += compare(server, "after compaction", expected)
        # What comes later is in the table too, and what only the memtable holds is not: stop flushes it.
        server.replay("ci-trainticket")
        doubled = ours(server)
        server.stop()
        made += compare(server, "after a graceful stop", doubled)
    print(f"{made} comparisons passed")


if __name__ == "__main__":
    main()
