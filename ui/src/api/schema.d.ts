// Made by `make ui-types` from the server's description of its API; do not edit.
import type { JsonValue } from "../lib/json";

export interface paths {
    "/api/v1/admin/compact": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Merges small segments. */
        post: operations["compact"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/flush": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Moves all rows of the memtable into segments. */
        post: operations["flush"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/chattiness": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Calls per request over each edge and of each root operation, in the traces with a span that satisfies all filters:
         *     repeated ones (N+1), identical ones, and those that are made one after the other, with their share of the time. Only
         *     spans of the time range count.
         */
        get: operations["calls"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/facets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Values of several keys in the matching rows, counted in one pass. Time-boxed: see `partial`. */
        get: operations["list_facets"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/fields": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Keys that the matching rows have. Time-boxed: see `partial`. */
        get: operations["list_fields"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/fields/{key}/values": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Values of a key in the matching rows, the most frequent first. Time-boxed: see `partial`. */
        get: operations["list_values"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/flows/{value}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Everything that carries one value (the id of an order, a session, a request) under one of the configured keys, the
         *     trace that has it as its id, and the traces that span links join to those in either direction: in the order of time and
         *     as a tree, with the gaps between them, and compared with other values of the same key.
         * @description A value that is nowhere is answered with `why_empty`.
         */
        get: operations["one_flow"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The process answers. */
        get: operations["health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/import": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Stores the spans and log records of an OTLP/JSON document, at most 32 MiB: `{"resourceSpans": [...],
         *     "resourceLogs": [...]}`, as `GET /api/v1/traces/{trace_id}?format=otlp` gives it. Spans come first: when log records
         *     fail then, the spans are stored. Spans that are here already are shown once.
         * @description The content type has to be `application/json`: a page of another site cannot send that unasked.
         */
        post: operations["import"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/logs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Log records that satisfy all filters, by time.
         * @description With `Accept: application/x-ndjson` the page comes as a stream of frames, one in each line, records as soon as they are
         *     found.
         */
        get: operations["search_logs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/logs/histogram": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Matching log records over time, by severity. */
        get: operations["logs_over_time"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/map": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Services and what they call: the spans of the time range that belong to traces with a span that satisfies all
         *     filters.
         * @description A node has the view of the callee (its server and consumer spans; of a service without any, its spans whose parent
         *     is another service's or that have none), an edge that of the caller (client and producer spans). Callees that send
         *     nothing are inferred from the attributes of their callers and replaced by the service once it reports. A call
         *     counts when both of its spans start in the range. Asynchronous edges are by parent (`async`) or by span link
         *     (`link`) and carry the age of messages.
         */
        get: operations["service_map"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/queries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Queries that run or wait for a place. */
        get: operations["running_queries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/queries/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Stops a query. Its request is answered with status 409 and the code `stopped`; a stream ends with what came.
         * @description The id is in the list, in the header `x-spanlake-query-id` of every answer that a query gave and in the first frame
         *     of a stream. A client may choose it: 1 to 64 letters, digits, `-` and `_` in the request header of the same name.
         */
        delete: operations["stop_query"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Answers are complete: the write-ahead log has been replayed. */
        get: operations["ready"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/root-cause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Services, calls and messages ranked by what changed between the window `from`..`to` and its baseline: own time, time
         *     on the way, failures, calls that are missing, messages that are new. Each with its figures, the sizes of the samples,
         *     an example and a sentence.
         * @description With filters, only traces with a span that satisfies all of them are compared, and only log records of such traces.
         *     Of very many spans, those of one trace in `traces_one_in` are looked at.
         */
        get: operations["what_changed"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/search/explain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The meaning of a search, as text and as SQL, or what is wrong with it. */
        get: operations["explain"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/search/why_empty": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Why a search finds nothing: what would match without each condition, and where the nearest matching rows are. */
        get: operations["why"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/services": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All services that sent spans or log records in the time range. */
        get: operations["list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/services/{service}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Rate, errors and duration of one service: as a whole, over time, by version and instance. */
        get: operations["overview"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/services/{service}/errors": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Failed spans of one service by exception type and message pattern. */
        get: operations["errors"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/services/{service}/operations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The operations (span name and kind) of one service. */
        get: operations["operations"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/spans/compare": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What tells the matching spans of a selection from the other matching ones: fields, attributes and resource attributes
         *     by how differently their values are distributed.
         */
        get: operations["compare_spans"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/spans/heatmap": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Matching spans by start and duration, in cells with a logarithmic scale of durations, by outcome. */
        get: operations["spans_by_time_and_duration"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sql": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Runs one SQL query over `spans` and `logs`.
         * @description The header `Accept` chooses the form of the answer. In CSV and Arrow the header `x-spanlake-truncated: true` says
         *     that rows were cut off.
         */
        post: operations["sql"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What is stored and where it is received. */
        get: operations["status"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/system": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What came in since the start, what of it was not taken, and how much lies on the disk. */
        get: operations["system"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/traces": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Traces with a span that satisfies all filters, by the start of the trace or by one of its figures. Figures are of the
         *     whole trace.
         * @description With `Accept: application/x-ndjson` the page comes as a stream of frames, one in each line, traces as soon as they are
         *     found. Another order than the newest first is known at the end only: until then each `rows` frame replaces the one
         *     before. Stopped half way, a page of at most 150 traces goes on where it was, by the cursor of its last frame; a larger
         *     one begins anew.
         */
        get: operations["search_traces"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/traces/durations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How long the matching spans took: logarithmic buckets by outcome. Parameters are the filters of `/api/v1/traces`. */
        get: operations["span_durations"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/traces/histogram": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Matching spans over time. */
        get: operations["spans_over_time"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/traces/{trace_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One whole trace with its log records. */
        get: operations["trace"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/traces/{trace_id}/links_in": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Spans, of other traces mostly, that have a link to this trace or to one of its spans. The trace itself need not be
         *     here.
         */
        get: operations["links_in"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/traces/{trace_id}/map": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The map of one trace. */
        get: operations["trace_map"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/traces/{trace_id}/spans/{span_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One span of a trace with its log records. */
        get: operations["span"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Counters of this process in the Prometheus text format. */
        get: operations["metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        CallExample: {
            /** Format: int64 */
            calls: number;
            /** @description Of the calls, or of the first of them. */
            operation: string;
            /** @description The parent span of the calls. */
            span_id: string;
            trace_id: string;
        };
        CallFigures: {
            /** Format: int64 */
            calls: number;
            example: null | components["schemas"]["CallExample"];
            /**
             * Format: int64
             * @description Calls for what the same request had asked for before.
             */
            identical: number;
            n_plus_one: null | components["schemas"]["Repeated"];
            per_request: components["schemas"]["PerRequest"];
            repeated: null | components["schemas"]["Repeated"];
            /**
             * Format: int64
             * @description Those with at least one such call.
             */
            requests: number;
            sequential: components["schemas"]["Sequential"];
        };
        /** @description A service and what about it changed. */
        Cause: {
            /** @description The weightiest first; at most 8. */
            changes: components["schemas"]["Change"][];
            /**
             * Format: double
             * @description Sum of what the changes weigh: roughly, the share of the window's requests that they concern, counted once more
             *     for each doubling of the time of these requests.
             */
            score: number;
            service: string;
            /**
             * Format: double
             * @description Of the scores of all services.
             */
            share: number;
            /**
             * Format: int64
             * @description Traces of the window in which the service has a span.
             */
            traces: number;
        };
        /**
         * @description The cells that hold a span, column by column; all lists have the same length. A span is counted once, as its worst
         *     outcome.
         */
        Cells: {
            /** @description The caller's fault, throttles not counted. */
            error: number[];
            /** @description The callee's fault, whatever else it is. */
            fault: number[];
            ok: number[];
            throttle: number[];
            /** @description Columns, ascending. */
            x: number[];
            /** @description Rows, ascending within a column; 0 is the shortest duration. */
            y: number[];
        };
        /** @description One thing that is not as in the baseline. */
        Change: {
            base: components["schemas"]["Figure"];
            /** @description Of a call. */
            callee: string | null;
            /** @description Of a call. */
            caller: string | null;
            example: null | components["schemas"]["ExampleAnswer"];
            /** @description Of log records: severity ERROR or worse. */
            is_error: boolean;
            kind: components["schemas"]["ChangeKind"];
            /** @description Pattern of a message, with `<n>` for numbers and `<id>` for ids. */
            message: string | null;
            operation: string | null;
            /** @description All of it in words. */
            sentence: string;
            /** @description The service that it speaks against (of a call between two, the one that it speaks against more). */
            service: string;
            /**
             * Format: double
             * @description Its part in the score of the service.
             */
            weight: number;
            window: components["schemas"]["Figure"];
            /**
             * Format: double
             * @description Standard deviations by which the two differ.
             */
            z: number;
        };
        /** @enum {string} */
        ChangeKind: "own_time" | "on_the_way" | "failures" | "unanswered_calls" | "fewer_calls" | "fewer_traces" | "messages" | "exceptions";
        /** @description Who calls whom how often in one request. */
        Chattiness: {
            /** @description By the time of sequential calls, then by the number of calls in one request. */
            edges: components["schemas"]["EdgeCalls"][];
            /** @description Edges beyond the first 200. */
            left_out_edge_count: number;
            /** @description Root operations beyond the first 200. */
            left_out_root_count: number;
            /**
             * Format: int64
             * @description Traces of root operations beyond the first 10,000 seen, which are not counted among `roots`.
             */
            other_trace_count: number;
            /** @description In the same order; requests are traces. */
            roots: components["schemas"]["RootCalls"][];
            /** Format: int64 */
            span_count: number;
            /** Format: int64 */
            trace_count: number;
        };
        ChattinessAnswer: components["schemas"]["Chattiness"] & {
            /** Format: int64 */
            elapsed_ms: number;
        };
        ComparisonAnswer: components["schemas"]["SelectionComparison"] & {
            /** Format: int64 */
            elapsed_ms: number;
        };
        ConditionWithout: {
            /** @description Its canonical text, or `name=value` of a parameter. */
            condition: string;
            /**
             * Format: int64
             * @description Rows that match it alone.
             */
            matches_alone: number;
            /**
             * Format: int64
             * @description Rows that match all other conditions.
             */
            matches_without: number;
            /** @description The parameter; null for a part of the search. */
            parameter: string | null;
            /** @description The search without it; null for a parameter. */
            without: string | null;
        };
        /**
         * @description Requests by how they ended. The flags do not exclude each other: `ok + errors + faults` may exceed `requests`, and
         *     throttles are errors too.
         */
        Counts: {
            /** Format: int64 */
            errors: number;
            /** Format: int64 */
            faults: number;
            /**
             * Format: int64
             * @description Neither error nor fault.
             */
            ok: number;
            /** Format: int64 */
            requests: number;
            /** Format: int64 */
            throttles: number;
        };
        /** @description Columns of [`Counts`]. */
        CountsOverTime: {
            errors: number[];
            faults: number[];
            ok: number[];
            requests: number[];
            throttles: number[];
        };
        /** @description A key whose values are distributed differently. */
        Difference: {
            /**
             * Format: double
             * @description Shares of the spans that have the key.
             */
            coverage_inside: number;
            /** Format: double */
            coverage_outside: number;
            /**
             * Format: double
             * @description From 0 to 1.
             */
            divergence: number;
            /** @description As in a search; of a resource attribute `resource.` and its key. */
            key: string;
            kind: components["schemas"]["KeyKind"];
            /** @description In words, of the first value. */
            sentence: string;
            /** @description Those that make the difference, the most first; at most 6. */
            values: components["schemas"]["ValueDifference"][];
        };
        /** @description Bytes of files, but for the journal of the lake. */
        Disk: {
            /** Format: int64 */
            logs_bytes: number;
            /**
             * Format: int64
             * @description Parquet files and their indexes.
             */
            spans_bytes: number;
            /**
             * Format: int64
             * @description What was acknowledged and is not in such a file yet.
             */
            wal_bytes: number;
        };
        DurationBucket: {
            /**
             * Format: int64
             * @description The caller's fault, throttles not counted.
             */
            error: number;
            /**
             * Format: int64
             * @description The callee's fault, whatever else it is.
             */
            fault: number;
            /**
             * Format: int64
             * @description Inclusive.
             */
            from_ns: number;
            /** Format: int64 */
            ok: number;
            /** Format: int64 */
            throttle: number;
            /**
             * Format: int64
             * @description Exclusive.
             */
            to_ns: number;
        };
        /** @description Durations of spans in nanoseconds: exact percentiles by nearest rank. */
        DurationFigures: {
            /** Format: int64 */
            max: number;
            /** Format: int64 */
            p50: number;
            /** Format: int64 */
            p95: number;
            /** Format: int64 */
            p99: number;
        };
        /** @description Durations of the matching spans. */
        DurationHistogram: {
            /** @description From the shortest to the longest duration there is, without gaps. */
            buckets: components["schemas"]["DurationBucket"][];
            /** @description False when more traces come into question than can be decided about: spans of all of them are counted. */
            exact: boolean;
        };
        DurationRow: {
            /**
             * Format: int64
             * @description Inclusive.
             */
            from_ns: number;
            /**
             * Format: int64
             * @description Exclusive.
             */
            to_ns: number;
        };
        /** @description Durations in nanoseconds. Percentiles are exact, by nearest rank: `sorted[ceil(p * n) - 1]`. */
        Durations: {
            /** Format: int64 */
            max: number;
            /**
             * Format: int64
             * @description Rounded down.
             */
            mean: number;
            /** Format: int64 */
            p50: number;
            /** Format: int64 */
            p95: number;
            /** Format: int64 */
            p99: number;
        };
        /** @description Calls over one edge. */
        EdgeCalls: components["schemas"]["CallFigures"] & {
            callee: string;
            callee_type: null | components["schemas"]["NodeType"];
            /** @description The service that calls. */
            caller: string;
        };
        /**
         * @description How a call reaches the callee.
         * @enum {string}
         */
        EdgeKind: "sync" | "async" | "link";
        /** @description The last frame. */
        EndFrame: {
            /** Format: int64 */
            elapsed_ms: number;
            /** @description What to do about it. */
            hint: string | null;
            /** @description What happened, and where. */
            message: string | null;
            /**
             * @description The next page; of a partial one the rest of it, which may begin with rows that replace those that came. Null
             *     when nothing follows, and when there is no place to go on from.
             */
            next_cursor: string | null;
            /**
             * @description The search ended before its time. The rows that came are right, or of a page with another order than the newest
             *     first, right for what was looked at.
             */
            partial: boolean;
            /** @description The code of the error that ended it: `stopped`, `timeout`, `too_large`, ... */
            reason: string | null;
        };
        /** @description Body of every answer that is not a success. */
        ErrorBody: {
            error: components["schemas"]["ErrorDetail"];
        };
        ErrorDetail: {
            /**
             * @description Where in the text of a search or a statement: its first character and the one behind its last, counted in characters
             *     from 0.
             */
            at?: [
                number,
                number
            ] | null;
            /** @description `bad_request`, `not_found`, `timeout`, `too_large`, `stopped`, `busy`, `unavailable`, `internal`. */
            code: string;
            /** @description What to do about it. */
            hint: string;
            /** @description What happened, and where. */
            message: string;
        };
        ErrorExample: {
            /** @description As it was sent. */
            message: string;
            span_id: string;
            trace_id: string;
        };
        /** @description Failures of one kind. */
        ErrorGroup: {
            /** Format: int64 */
            count: number;
            /** @description The latest one. */
            example: components["schemas"]["ErrorExample"];
            /**
             * Format: int64
             * @description Of them, faults.
             */
            fault_count: number;
            first_unix_nano: string;
            last_unix_nano: string;
            /** @description Span names and how often each failed so; at most 20. */
            operations: components["schemas"]["FailedOperation"][];
            /** @description First line of `exception.message`, else of the status message, with `<n>` for numbers and `<id>` for ids. */
            pattern: string;
            /**
             * @description `exception.type` of the last exception event, else attribute `error.type`, else the status code that failed
             *     (`HTTP 503`, `gRPC 14`), else `""`.
             */
            type: string;
        };
        /** @description Failed spans of a service. */
        ErrorGroups: {
            /** @description Most frequent first. */
            groups: components["schemas"]["ErrorGroup"][];
            /**
             * Format: int64
             * @description Of those, how many belong to groups beyond the first 1,000 seen.
             */
            other_count: number;
            /**
             * Format: int64
             * @description Failed spans in all.
             */
            span_count: number;
        };
        /** @description Events of spans, in the order of the spans. */
        EventColumns: {
            /** @description Row of the span. */
            span: number[];
            /** @description Index into `texts`. */
            text: number[];
            /** @description Names of events; of an exception its type and message. */
            texts: string[];
            /** @description From the start of the trace. */
            time_ns: number[];
            /** @description There are more events than these. */
            truncated: boolean;
        };
        /** @description A span or log record of the window that shows it. */
        ExampleAnswer: {
            /** @description Of a log record or exception, as it was sent, its first 300 characters. */
            message: string | null;
            /** @description `""` for a log record without one. */
            span_id: string;
            trace_id: string;
        };
        /** @description What a search means, or what is wrong with it. */
        ExplainAnswer: {
            /**
             * @description The search with every AND written and nothing left to rules of precedence; it means the same. Null when the
             *     search is wrong.
             */
            canonical: string | null;
            problem: null | components["schemas"]["SearchProblem"];
            /** @description A statement for `/api/v1/sql` with the same conditions. Null when the search is wrong. */
            sql: string | null;
            /** @description What its author may not have meant. */
            warnings: string[];
        };
        /** @description Values of one key in the matching rows. */
        Facet: {
            /**
             * Format: int64
             * @description Rows that have the key.
             */
            count: number;
            /** @description Different values, shown or not. */
            distinct: number;
            key: string;
            /** @description The most frequent first. */
            values: components["schemas"]["ValueCount"][];
        };
        Facets: {
            facets: components["schemas"]["Facet"][];
            /** @description Not all matching rows were counted. */
            partial: boolean;
            /** Format: int64 */
            rows: number;
        };
        FailedOperation: {
            /** Format: int64 */
            count: number;
            name: string;
        };
        FieldCount: {
            /**
             * Format: int64
             * @description Rows that have it; null for built-in keys.
             */
            count: number | null;
            key: string;
            /** @description `field`, `attribute` or `resource`. */
            kind: string;
        };
        /** @description Keys of the matching rows. */
        Fields: {
            /** @description Built-in keys first, then attributes and resource attributes, the most frequent first. */
            fields: components["schemas"]["FieldCount"][];
            /** @description Not all matching rows were counted. */
            partial: boolean;
            /** Format: int64 */
            rows: number;
        };
        /** @description Of so many samples, the value. */
        Figure: {
            /** Format: int64 */
            samples: number;
            /** Format: double */
            value: number;
        };
        /** @description Everything that carries one value, and the traces that links join to it. */
        Flow: {
            comparison: components["schemas"]["FlowComparison"];
            /** Format: int64 */
            elapsed_ms: number;
            end_time_unix_nano: string | null;
            /** @description Those under which the value was found. */
            found_under: components["schemas"]["FoundKey"][];
            /** @description The value is the id of a trace. */
            is_trace_id: boolean;
            /**
             * Format: int64
             * @description How many there are, shown or not.
             */
            log_count: number;
            /** @description By time; those that carry the value, and those of the traces. */
            logs: components["schemas"]["FlowLog"][];
            /** @description Keys that were looked under. */
            looked_under: string[];
            /** @description What is cut off, with numbers. */
            notes: string[];
            /** @description First start and last end of what is shown; null when there is nothing. */
            start_time_unix_nano: string | null;
            /** @description Traces (by their start) and log records in the order of time. */
            timeline: components["schemas"]["TimelineEntry"][];
            /** @description By start: the steps of the flow. */
            traces: components["schemas"]["FlowTrace"][];
            /** @description The same traces, each below the one that it links to or whose message it received; in pre-order. */
            tree: components["schemas"]["FlowTreeRow"][];
            value: string;
            why_empty: null | components["schemas"]["FlowWhyEmpty"];
        };
        /** @description What a trace carries on from. */
        FlowCause: {
            /**
             * Format: int64
             * @description From the start of that span to the start of the one that carries on.
             */
            age_ns: number | null;
            span: null | components["schemas"]["FlowSpan"];
            trace_id: string;
            /** @description `link`, or `message` when a consumer has the message id of a producer. */
            via: string;
        };
        /** @description The flow beside others. */
        FlowComparison: {
            /** @description Of them, those with the same steps (or, when steps are missing, with those besides). */
            alike: number;
            /** @description Other values of this key were looked at; null when there was nothing to compare with. */
            key: string | null;
            missing: components["schemas"]["MissingStep"][];
            /** @description Other flows in the sample. */
            others: number;
            /** @description There are more other flows than were looked at. */
            partial: boolean;
            /** @description What it came to, in words. */
            sentence: string;
        };
        /** @description A log record of a flow. */
        FlowLog: components["schemas"]["LogRecord"] & {
            /** @description It has the value itself; otherwise its trace belongs to the flow. */
            carries_value: boolean;
        };
        FlowSpan: {
            name: string;
            service: string;
            span_id: string;
        };
        /** @description A trace as a step of a flow. */
        FlowTrace: {
            cause: null | components["schemas"]["FlowCause"];
            /** @description Every parent id resolves and there is one root. */
            complete: boolean;
            /**
             * Format: int64
             * @description From the earliest start to the latest end.
             */
            duration_ns: number;
            /** @description Spans with status ERROR. */
            error_count: number;
            /**
             * Format: int64
             * @description From the end of all steps before to the start of this one, negative when they overlap; null for the first.
             */
            gap_ns: number | null;
            how: components["schemas"]["How"];
            /**
             * Format: int64
             * @description Log records of the trace that carry the value.
             */
            matched_log_count: number;
            /**
             * Format: int64
             * @description Spans that carry the value.
             */
            matched_span_count: number;
            /** @description Ids of the first of them, at most 20. */
            matched_span_ids: string[];
            /** @description `fault`, `throttle`, `error` or `ok`: the gravest of the root; a throttle of any span. */
            outcome: string;
            /** @description The earliest span without a parent; where the root was not received, the first span that was. */
            root: components["schemas"]["FlowSpan"];
            /** @description Those with most spans first. */
            services: components["schemas"]["ServiceSummary"][];
            span_count: number;
            start_time_unix_nano: string;
            trace_id: string;
            usual: null | components["schemas"]["StepFigures"];
        };
        /** @description A trace in its place. */
        FlowTreeRow: {
            /** @description 0 for a trace that nothing caused, as far as is known. */
            depth: number;
            /** @description Index of the trace that caused it. */
            parent: number | null;
            /** @description Index into the traces. */
            trace: number;
        };
        /** @description Where a value is that was not found. */
        FlowWhyEmpty: {
            /** Format: int64 */
            logs_in_range: number;
            /** @description Time of the earliest one behind it. */
            nearest_after_unix_nano: string | null;
            /** @description Time of the latest span or log record before the range that carries the value. */
            nearest_before_unix_nano: string | null;
            /** @description What was done, in words. */
            sentence: string;
            /** Format: int64 */
            spans_in_range: number;
        };
        /** @description Rows that have the value under a key. */
        FoundKey: {
            key: string;
            /** Format: int64 */
            logs: number;
            /** Format: int64 */
            spans: number;
        };
        /** @description One line of a stream; `t` says which. */
        Frame: (components["schemas"]["MetaFrame"] & {
            /** @enum {string} */
            t: "meta";
        }) | (components["schemas"]["RowsFrame"] & {
            /** @enum {string} */
            t: "rows";
        }) | (components["schemas"]["ProgressFrame"] & {
            /** @enum {string} */
            t: "progress";
        }) | (components["schemas"]["HistogramFrame"] & {
            /** @enum {string} */
            t: "histogram";
        }) | (components["schemas"]["WarningFrame"] & {
            /** @enum {string} */
            t: "warning";
        }) | (components["schemas"]["EndFrame"] & {
            /** @enum {string} */
            t: "end";
        });
        Health: {
            /** @description Always `ok`. */
            status: string;
            version: string;
        };
        /** @description Spans by time and duration. */
        Heatmap: {
            /**
             * Format: int64
             * @description Width of a column.
             */
            bucket_ns: number;
            cells: components["schemas"]["Cells"];
            columns: number;
            /** @description False when more traces come into question than can be decided about: spans of all of them are counted. */
            exact: boolean;
            /** @description From the shortest to the longest duration there is, without gaps; at most 60. */
            rows: components["schemas"]["DurationRow"][];
            /** Format: int64 */
            spans: number;
            /** @description Where the first column begins. */
            start_unix_nano: string;
        };
        HeatmapAnswer: components["schemas"]["Heatmap"] & {
            /** Format: int64 */
            elapsed_ms: number;
        };
        /**
         * @description Requests whose duration lies in `start_ns..end_ns`. Bounds are the same for all histograms: ten buckets per factor of
         *     ten from 1 µs on, `1000 * 10^(k/10)` rounded; the first bucket begins at 0. Buckets without requests are left out.
         */
        HistogramBucket: components["schemas"]["Counts"] & {
            /**
             * Format: int64
             * @description Exclusive.
             */
            end_ns: number;
            /** Format: int64 */
            start_ns: number;
        };
        /** @description After the rows, when the parameter `histogram` asked for it. */
        HistogramFrame: {
            histogram: components["schemas"]["HistogramOfPage"];
        };
        /** @description The answer of `.../histogram`. */
        HistogramOfPage: components["schemas"]["SpanHistogram"] | components["schemas"]["LogHistogram"];
        /**
         * @description Why a trace belongs to a flow.
         * @enum {string}
         */
        How: "value" | "trace_id" | "link";
        ImportAnswer: {
            logs: components["schemas"]["ImportedRecords"];
            spans: components["schemas"]["ImportedRecords"];
        };
        /** @description What became of the records of one signal. */
        ImportedRecords: {
            /**
             * Format: int64
             * @description Stored: on disk and visible.
             */
            accepted: number;
            /** Format: int64 */
            rejected: number;
            /** @description Present exactly when records were rejected. */
            rejected_reason: string | null;
        };
        /**
         * @description Any JSON value: what an attribute, a body or a cell of a result holds. It gives them a name in the OpenAPI
         *     description, so that clients can say there what they read integers beyond 2^53 as.
         */
        JsonValue: JsonValue;
        /** @enum {string} */
        KeyKind: "field" | "attribute" | "resource";
        /** @description A span that links here. */
        LinkingSpan: {
            /** Format: int64 */
            duration_ns: number;
            kind: string;
            /** @description The span of the asked trace that the link names. */
            linked_span_id: string;
            name: string;
            service: string;
            span_id: string;
            start_time_unix_nano: string;
            status: string;
            trace_id: string;
        };
        /** @description Spans that link to a trace. */
        LinkingSpans: {
            /** @description The earliest first. */
            links: components["schemas"]["LinkingSpan"][];
            /** @description There are more than these. */
            truncated: boolean;
        };
        LogBucket: {
            /** @description Records by severity name; `""` for records without a severity. */
            counts: {
                [key: string]: number;
            };
            start_unix_nano: string;
        };
        /** @description Log records of the trace by time. */
        LogColumns: {
            severity_number: number[];
            /** @description Row of the span it names; -1 when it names none that is here. */
            span: number[];
            /** @description From the start of the trace. */
            time_ns: number[];
            /** @description There are more log records than these. */
            truncated: boolean;
        };
        /** @description Matching log records over time. */
        LogHistogram: {
            /** Format: int64 */
            bucket_ns: number;
            /** @description Without gaps, from the first to the last. */
            buckets: components["schemas"]["LogBucket"][];
        };
        /** @description A page of log records. */
        LogPage: {
            /** Format: int64 */
            elapsed_ms: number;
            logs: components["schemas"]["LogRecord"][];
            /** @description For the next page; null on the last one. */
            next_cursor: string | null;
        };
        /** @description One log record. */
        LogRecord: {
            attributes: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /** @description A string, or the structured value that was sent. */
            body: components["schemas"]["JsonValue"];
            event_name: string | null;
            /** Format: int64 */
            flags: number;
            /** @description Made of time and content: the same record has the same id in every answer. */
            id: string;
            observed_time_unix_nano: string | null;
            resource: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            scope: components["schemas"]["ScopeAnswer"];
            service: string;
            /** @description `TRACE`, `DEBUG`, `INFO`, `WARN`, `ERROR` or `FATAL`. */
            severity: string | null;
            /** Format: int32 */
            severity_number: number;
            /** @description What the sender calls it. */
            severity_text: string | null;
            span_id: string | null;
            /** @description Decimal. The sender's time, or when it was observed, or when it arrived. */
            time_unix_nano: string;
            trace_id: string | null;
        };
        Maintained: {
            /** @description Live segments now. */
            segments: components["schemas"]["SegmentCounts"];
        };
        MapAnswer: components["schemas"]["ServiceMap"] & {
            /** Format: int64 */
            elapsed_ms: number;
        };
        /** @description Calls from one node to another, as the caller sees them. */
        MapEdge: components["schemas"]["Counts"] & {
            duration_ns: null | components["schemas"]["Durations"];
            /** @description Of `duration_ns`, or of `message_age_ns` where that is given. */
            histogram: components["schemas"]["HistogramBucket"][];
            kind: components["schemas"]["EdgeKind"];
            message_age_ns: null | components["schemas"]["Durations"];
            /** @description Id of a node. */
            source: string;
            /** @description Id of a node. */
            target: string;
            /**
             * Format: int64
             * @description Traces with such a call.
             */
            traces: number;
        };
        /**
         * @description Which spans the figures of a node are of.
         * @enum {string}
         */
        MapMeasured: "served" | "entered" | "called";
        /** @description Whoever serves requests, as it sees them. */
        MapNode: components["schemas"]["Counts"] & {
            duration_ns: null | components["schemas"]["Durations"];
            /** @description Namespace or environment of a service, when they were asked for and it has one. */
            group: string | null;
            histogram: components["schemas"]["HistogramBucket"][];
            /** @description `<type>:<name>`. */
            id: string;
            /** @description Sends no spans itself: everything is from its callers' spans. */
            inferred: boolean;
            /** @description Which spans the figures are of. */
            measured: components["schemas"]["MapMeasured"];
            name: string;
            over_time: null | components["schemas"]["CountsOverTime"];
            /**
             * Format: int64
             * @description Traces in which the service has a span; of inferred nodes, in which it is called (a trace of several callers
             *     counts once for each).
             */
            traces: number;
            type: components["schemas"]["NodeType"];
        };
        /** @enum {string} */
        Measured: "requests" | "spans";
        /** @description The first frame. */
        MetaFrame: {
            /** @description Names of the columns of all `rows` frames. */
            columns: string[];
            /** @description Stops it: `DELETE /api/v1/queries/{id}`. */
            query_id: string;
        };
        /** @description A step that most other flows have. */
        MissingStep: {
            /** @description Index of the trace behind which it is expected; null at the beginning. */
            after: number | null;
            name: string;
            service: string;
        };
        /**
         * @description What a node of the map is.
         * @enum {string}
         */
        NodeType: "client" | "service" | "database" | "cache" | "queue" | "external";
        /** @description Spans of one name and kind. */
        OperationFigures: components["schemas"]["OperationRed"] & {
            duration_ns: components["schemas"]["DurationFigures"];
            /** Format: int64 */
            error_count: number;
            kind: string;
            name: string;
            /** Format: int64 */
            span_count: number;
        };
        /** @description Spans of an operation by how they ended; see `Counts`. */
        OperationRed: {
            /** Format: int64 */
            errors: number;
            /** Format: int64 */
            faults: number;
            /** Format: int64 */
            ok: number;
            /** Format: int64 */
            throttles: number;
            /**
             * Format: int64
             * @description Sum of the durations.
             */
            total_ns: number;
        };
        Operations: {
            /** @description By name and kind. */
            operations: components["schemas"]["OperationFigures"][];
            service: string;
        };
        /** @description Calls in one request, of requests that have any. */
        PerRequest: {
            /** Format: int64 */
            max: number;
            /** Format: double */
            mean: number;
            /**
             * Format: int64
             * @description Nearest rank.
             */
            p95: number;
        };
        PeriodAnswer: {
            from_unix_nano: string;
            /** Format: int64 */
            logs: number;
            /** Format: int64 */
            spans: number;
            /** @description Exclusive. */
            to_unix_nano: string;
            /**
             * Format: int64
             * @description Looked at, see `traces_one_in`.
             */
            traces: number;
        };
        /** @description How far the search is: four times a second, and at the end. */
        ProgressFrame: components["schemas"]["ProgressReport"] & {
            /** Format: int64 */
            elapsed_ms: number;
        };
        /** @description What has been read so far. */
        ProgressReport: {
            /**
             * Format: int64
             * @description Bytes read of segments, compressed.
             */
            bytes: number;
            /**
             * Format: int64
             * @description Row groups that are done with.
             */
            row_groups_done: number;
            /**
             * Format: int64
             * @description Row groups that come into question as far as is known; 0 when all is in memory.
             */
            row_groups_total: number;
            /**
             * Format: int64
             * @description Rows of segments that were looked at; those in memory are not counted. Those looked at twice, first for their time and then whole, count twice.
             */
            rows: number;
            /**
             * Format: double
             * @description Of the whole range, from 0 to less than 1: what is left may be read more than once. Null when it is not known,
             *     as where everything is looked at in one step, and where all is in memory.
             */
            share: number | null;
        };
        Ready: {
            ready: boolean;
            /** @description Why not. */
            reason?: string | null;
        };
        ReceivedSignal: {
            /**
             * Format: int64
             * @description Records that were acknowledged since the start.
             */
            accepted: number;
            /** @description When the last request with a record came. */
            last_arrival_unix_nano: string | null;
            /**
             * Format: int64
             * @description How old the newest record of that request was when it came: less than zero when the sender's clock is ahead.
             */
            last_lag_ns: number | null;
            /** @description Requests that were answered with an error, by its kind; nothing of them is stored. */
            refused: components["schemas"]["Refused"][];
            /**
             * Format: int64
             * @description Records without a valid id in acknowledged requests: they are not stored, and the sender was told.
             */
            rejected: number;
        };
        ReceivedSignals: {
            logs: components["schemas"]["ReceivedSignal"];
            spans: components["schemas"]["ReceivedSignal"];
        };
        /** @description Requests by how they ended and how long they took. */
        Red: components["schemas"]["Counts"] & {
            duration_ns: null | components["schemas"]["Durations"];
            /**
             * Format: int64
             * @description Sum of the durations.
             */
            total_ns: number;
        };
        RedOverTime: components["schemas"]["Red"] & {
            start_unix_nano: string;
        };
        RedPart: components["schemas"]["Red"] & {
            /** @description When the part was first and last seen in the range, by the start of its requests. */
            first_unix_nano: string;
            last_unix_nano: string;
            name: string;
        };
        Refused: {
            /** @description `invalid`, `too_large`, `unsupported`, `method`, `slow`, `busy`, `unavailable` or `internal`. */
            code: string;
            /** Format: int64 */
            requests: number;
        };
        /** @description Calls of one operation from one parent span. */
        Repeated: {
            /** Format: int64 */
            calls: number;
            /**
             * Format: int64
             * @description Parent spans that do so.
             */
            groups: number;
            worst: null | components["schemas"]["CallExample"];
        };
        /** @description All calls in the traces of one root operation. */
        RootCalls: components["schemas"]["CallFigures"] & {
            name: string;
            service: string;
        };
        /** @description What changed in a window against its baseline, the likeliest cause first. */
        RootCause: {
            /** @description Without what lies in the window, and no further than there is data. */
            base: components["schemas"]["PeriodAnswer"];
            /** @description Changes between two services, the weightiest first; at most 50. */
            edges: components["schemas"]["Change"][];
            /**
             * Format: int64
             * @description One of so many log records was looked at; 1 for all.
             */
            logs_one_in: number;
            /** @description Log records and exceptions that are new or far more frequent, the weightiest first; at most 50. */
            messages: components["schemas"]["Change"][];
            /** @description What limits the answer, in words. */
            notes: string[];
            /**
             * @description Services by how many of the window's requests what they did concerns; at most 20. Empty when nothing changed
             *     that chance does not explain.
             */
            services: components["schemas"]["Cause"][];
            /**
             * Format: int64
             * @description One of so many traces was looked at; 1 for all.
             */
            traces_one_in: number;
            window: components["schemas"]["PeriodAnswer"];
        };
        RootCauseAnswer: components["schemas"]["RootCause"] & {
            /** Format: int64 */
            elapsed_ms: number;
        };
        /** @description Rows that are final, or with `replaces` the page as far as it is known. */
        RowsFrame: {
            /** @description For each name of the first frame the values, as in a row of the plain page. */
            columns: components["schemas"]["JsonValue"][][];
            /** @description They stand in the place of all rows of this page that came before: its order is known at the end only. */
            replaces: boolean;
        };
        RunningQueries: {
            /** @description Oldest first. */
            queries: components["schemas"]["RunningQuery"][];
        };
        /** @description A query that is running, or waiting for a place. */
        RunningQuery: {
            /** @description The SQL, or method, path and parameters of the request; cut off after 4,096 bytes. */
            asked: string;
            /** Format: int64 */
            elapsed_ms: number;
            /** @description Stops it: `DELETE /api/v1/queries/{id}`. */
            id: string;
            /** @description `traces`, `logs`, `sql`, `histogram`, ... */
            kind: string;
            progress: components["schemas"]["ProgressReport"];
            started_unix_nano: string;
            /** @description `waiting` (for a place) or `running`. */
            state: string;
            /**
             * Format: int64
             * @description It is given up when so much time has passed since its start.
             */
            timeout_ms: number;
        };
        /** @description The instrumentation scope of a span or log record. */
        ScopeAnswer: {
            name: string;
            version: string;
        };
        /** @description What is wrong with a search, and where. */
        SearchProblem: {
            /** @description The first character that is wrong and the one behind the last, counted in characters from 0. */
            at: [
                number,
                number
            ];
            /** @description What to write instead. */
            hint: string;
            message: string;
        };
        SegmentCounts: {
            logs: number;
            spans: number;
        };
        /** @description What tells a selection from the rest. */
        SelectionComparison: {
            /** @description The most different first; at most 50. */
            differences: components["schemas"]["Difference"][];
            /** @description False when more traces come into question than can be decided about: spans of all of them are compared. */
            exact: boolean;
            inside: components["schemas"]["Side"];
            /** @description Keys beyond the first 2,000 are not compared. */
            keys_left_out: boolean;
            outside: components["schemas"]["Side"];
        };
        /** @description Calls that one span makes one after the other. */
        Sequential: {
            /** Format: int64 */
            calls: number;
            /**
             * Format: double
             * @description Of the duration of all `requests`, from 0 to 1.
             */
            share: number;
            /**
             * Format: int64
             * @description Within their requests.
             */
            time_ns: number;
        };
        /** @description One service. Without spans the durations are null. */
        ServiceFigures: {
            duration_ns: null | components["schemas"]["DurationFigures"];
            /**
             * Format: int64
             * @description Spans with status ERROR.
             */
            error_count: number;
            /** Format: int64 */
            log_count: number;
            /** @description Resource attribute `service.name`, `""` where none was sent. */
            service: string;
            /** Format: int64 */
            span_count: number;
            /** Format: int64 */
            trace_count: number;
        };
        /** @description Services, what they call, and who calls them. */
        ServiceMap: {
            buckets: null | components["schemas"]["TimeBuckets"];
            /** @description By source, target and kind. */
            edges: components["schemas"]["MapEdge"][];
            /** @description Of the range asked for; where that is open, the first start. Null when nothing was found in an open range. */
            from_unix_nano: string | null;
            /** @description Nodes beyond the 10,000 with the most requests, left out with their edges. */
            left_out_node_count: number;
            /** @description By id. */
            nodes: components["schemas"]["MapNode"][];
            /** Format: int64 */
            span_count: number;
            /** @description Exclusive. Of the range asked for; where that is open, just behind the last start. */
            to_unix_nano: string | null;
            /** Format: int64 */
            trace_count: number;
        };
        /** @description One service in a time range. */
        ServiceOverview: components["schemas"]["Red"] & {
            /** Format: int64 */
            bucket_ns: number;
            /** @description By resource attribute `service.instance.id`, `k8s.pod.name`, `container.id` or `host.name`; at most 200. */
            instances: components["schemas"]["RedPart"][];
            /** @description `requests`: server and consumer spans. `spans`: all spans, of a service that has none of those. */
            measured: components["schemas"]["Measured"];
            /** @description Without gaps. */
            over_time: components["schemas"]["RedOverTime"][];
            service: string;
            /** @description By resource attribute `service.version` (`""` without one), most requests first; at most 200. */
            versions: components["schemas"]["RedPart"][];
        };
        /** @description One service's part of a trace. */
        ServiceSummary: {
            error_count: number;
            service: string;
            span_count: number;
        };
        Services: {
            /** @description By name. */
            services: components["schemas"]["ServiceFigures"][];
        };
        Side: {
            /**
             * Format: int64
             * @description One of so many was looked at; 1 for all.
             */
            one_in: number;
            /**
             * Format: int64
             * @description Of them, those looked at.
             */
            sampled: number;
            /**
             * Format: int64
             * @description Matching spans on this side.
             */
            spans: number;
        };
        SignalStatus: {
            /**
             * Format: int64
             * @description Rows that are not in a segment yet.
             */
            memtable_rows: number;
            newest_unix_nano: string | null;
            oldest_unix_nano: string | null;
            /** Format: int64 */
            rows: number;
            /**
             * Format: int64
             * @description Parquet files and text indexes.
             */
            segment_bytes: number;
            /** Format: int64 */
            segments: number;
        };
        Signals: {
            logs: components["schemas"]["SignalStatus"];
            spans: components["schemas"]["SignalStatus"];
        };
        /** @description A span in its place in the trace. */
        Span: components["schemas"]["SpanContent"] & {
            /** Format: int32 */
            child_count: number;
            /** @description It is its own ancestor. */
            cycle: boolean;
            /**
             * Format: int32
             * @description 0 for a root.
             */
            depth: number;
            /** @description Another span has the same id and different content. */
            duplicate: boolean;
            /** @description It names a parent that is not in the trace. */
            orphan: boolean;
            /**
             * Format: int64
             * @description Duration minus the union of the direct children's intervals clipped to the span.
             */
            self_time_ns: number;
            /**
             * Format: int64
             * @description From the start of the trace.
             */
            start_offset_ns: number;
        };
        SpanBucket: {
            /**
             * Format: int64
             * @description Those with status ERROR.
             */
            errors: number;
            /** Format: int64 */
            spans: number;
            start_unix_nano: string;
        };
        /** @description One entry a span in every column. */
        SpanColumns: {
            /** @description Negative when the sender's end lies before its start. */
            duration_ns: number[];
            /**
             * @description Bits: 1 has events, 2 has links, 4 has logs, 8 orphan, 16 shares its id, 32 in a parent cycle, 64 has an
             *     exception event, 128 its parent is in another process, 256 its parent is in the same process (neither: the
             *     sender did not say).
             */
            flags: number[];
            /** @description Index into `kinds`. */
            kind: number[];
            /** @description Index into `names`. */
            name: number[];
            /** @description Bits: 1 error, 2 throttle, 4 fault; 0 is ok. */
            outcome: number[];
            /** @description Row of the parent, which comes before the span; -1 for a root, a promoted one (orphan, cycle) included. */
            parent: number[];
            /** @description Index into `services`. */
            service: number[];
            /** @description Base64 of 8 bytes a span. */
            span_id: string;
            /** @description From the start of the trace. */
            start_ns: number[];
            /** @description 0 UNSET, 1 OK, 2 ERROR, 3 a number this server does not know. */
            status: number[];
        };
        /** @description What a span says itself. */
        SpanContent: {
            attributes: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /** Format: int64 */
            dropped_attributes_count: number;
            /** Format: int64 */
            dropped_events_count: number;
            /** Format: int64 */
            dropped_links_count: number;
            /** Format: int64 */
            duration_ns: number;
            events: components["schemas"]["SpanEvent"][];
            /** Format: int64 */
            flags: number;
            /** @description `UNSPECIFIED`, `INTERNAL`, `SERVER`, `CLIENT`, `PRODUCER`, `CONSUMER`. */
            kind: string;
            links: components["schemas"]["SpanLink"][];
            name: string;
            parent_span_id: string | null;
            resource: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            scope: components["schemas"]["ScopeAnswer"];
            service: string;
            span_id: string;
            start_time_unix_nano: string;
            status: string;
            status_message: string | null;
            trace_state: string | null;
        };
        /** @description A span as it was sent. */
        SpanDetail: {
            /** @description Records that name the span, by time. */
            logs: components["schemas"]["LogRecord"][];
            /** @description There are more of them. */
            logs_truncated: boolean;
            /** @description One, unless several spans of different content share the id: then by start time. Exact copies are left out. */
            spans: components["schemas"]["SpanContent"][];
            /** @description There are more spans with this id. */
            spans_truncated: boolean;
            trace_id: string;
        };
        SpanEvent: {
            attributes: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /** Format: int64 */
            dropped_attributes_count: number;
            name: string;
            time_unix_nano: string;
        };
        /** @description Matching spans over time. */
        SpanHistogram: {
            /** Format: int64 */
            bucket_ns: number;
            /** @description Without gaps, from the first to the last. */
            buckets: components["schemas"]["SpanBucket"][];
            /** @description False when more traces come into question than can be decided about: spans of all of them are counted. */
            exact: boolean;
        };
        SpanLink: {
            attributes: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /** Format: int64 */
            dropped_attributes_count: number;
            /** Format: int64 */
            flags: number;
            span_id: string;
            trace_id: string;
            trace_state: string | null;
        };
        /** @description The JSON form of an answer, as `result::json` writes it. */
        SqlAnswer: {
            columns: components["schemas"]["SqlColumn"][];
            /** Format: int64 */
            elapsed_ms: number;
            /**
             * @description One array of values for each row. Integers of 64 bits are exact JSON numbers; timestamps are RFC 3339 in UTC
             *     with nine digits; binary is hex; a float that is not a number is null.
             */
            rows: components["schemas"]["JsonValue"][][];
            /** @description Whether there were more rows than an answer holds. */
            truncated: boolean;
        };
        SqlColumn: {
            name: string;
            type: string;
        };
        SqlRequest: {
            /** @description One SELECT or EXPLAIN over the tables `spans` and `logs`. */
            sql: string;
            /**
             * Format: int64
             * @description Milliseconds after which the query is given up; at most 600,000.
             * @default 30000
             */
            timeout_ms: number | null;
        };
        Status: {
            /** @description Attribute keys that carry the id of a flow. */
            flow_keys: string[];
            /** @description Where OTLP/gRPC is received. */
            otlp_grpc: string;
            /** @description Where OTLP/HTTP is received. */
            otlp_http: string;
            ready: boolean;
            /**
             * Format: int64
             * @description UTC dates are removed whole once they ended so long ago; null when everything is kept.
             */
            retention_seconds: number | null;
            signals: components["schemas"]["Signals"];
            /** @description Names the embedded web interface: a page that was loaded from another one is out of date. Empty when none is built in. */
            ui_build: string;
            version: string;
        };
        /** @description A step beside the same step of other flows. */
        StepFigures: {
            duration: components["schemas"]["Usual"];
            /** @description It began later than it mostly does. */
            late: boolean;
            /** @description It took longer than it mostly does. */
            slow: boolean;
            wait: null | components["schemas"]["Usual"];
        };
        System: {
            disk: components["schemas"]["Disk"];
            /** @description By the clock of the server. */
            now_unix_nano: string;
            received: components["schemas"]["ReceivedSignals"];
            /**
             * Format: int64
             * @description What is older is removed; null when everything is kept.
             */
            retention_ns: number | null;
            /** @description Of this process: counts begin there. */
            started_unix_nano: string;
            version: string;
        };
        /** @description `count` parts of `width_ns` from `start_unix_nano` on. */
        TimeBuckets: {
            count: number;
            start_unix_nano: string;
            /** Format: int64 */
            width_ns: number;
        };
        /** @description Index into `traces` or into `logs`. */
        TimelineEntry: {
            trace: number;
        } | {
            log: number;
        };
        /** @description A trace, whole. */
        Trace: {
            /** @description Every parent id resolves and there is one root. */
            complete: boolean;
            /**
             * Format: int32
             * @description Levels of the tree: a lone root has 1.
             */
            depth: number;
            /** @description Spans beyond the first with one id: exact copies (left out) and others (shown and marked). */
            duplicate_count: number;
            /**
             * Format: int64
             * @description From the earliest start to the latest end.
             */
            duration_ns: number;
            end_time_unix_nano: string;
            /** @description Spans with status ERROR. */
            error_count: number;
            log_count: number;
            /** @description By time. */
            logs: components["schemas"]["LogRecord"][];
            /** @description Spans whose parent is not here. */
            orphan_count: number;
            root: null | components["schemas"]["TraceRoot"];
            service_count: number;
            services: components["schemas"]["TraceService"][];
            span_count: number;
            /** @description In pre-order: a span, then its children by start time. */
            spans: components["schemas"]["Span"][];
            start_time_unix_nano: string;
            trace_id: string;
            /** @description What is odd about this trace, in words. */
            warnings: string[];
        };
        /** @description A page of traces. */
        TracePage: {
            /** Format: int64 */
            elapsed_ms: number;
            /** @description For the next page; null on the last one. */
            next_cursor: string | null;
            traces: components["schemas"]["TraceSummary"][];
        };
        /** @description Name and service of a trace's root. */
        TraceRoot: {
            name: string;
            service: string;
            span_id: string;
            /** @description `UNSET`, `OK` or `ERROR`. */
            status: string;
        };
        /** @description One service's part of a trace. */
        TraceService: {
            error_count: number;
            /** Format: int64 */
            self_time_ns: number;
            service: string;
            span_count: number;
        };
        /** @description A trace as columns. Rows are in pre-order: the root first, then each span's children by start time. */
        TraceSkeleton: {
            /** @description Every parent id resolves and there is one root. */
            complete: boolean;
            /** @description Members of parent cycles. */
            cycle_count: number;
            /**
             * Format: int32
             * @description Levels of the tree: a lone root has 1.
             */
            depth: number;
            /** @description Spans beyond the first with one id: exact copies (left out) and others (shown and marked). */
            duplicate_count: number;
            /**
             * Format: int64
             * @description From the earliest start to the latest end.
             */
            duration_ns: number;
            end_time_unix_nano: string;
            /** @description Spans with status ERROR. */
            error_count: number;
            events: components["schemas"]["EventColumns"];
            kinds: string[];
            log_count: number;
            logs: components["schemas"]["LogColumns"];
            names: string[];
            /** @description Spans whose parent is not here. */
            orphan_count: number;
            root: null | components["schemas"]["TraceRoot"];
            service_count: number;
            /** @description The service with the most self time first. */
            services: string[];
            span_count: number;
            spans: components["schemas"]["SpanColumns"];
            start_time_unix_nano: string;
            trace_id: string;
            /** @description What is odd about this trace, in words. */
            warnings: string[];
        };
        /** @description A trace in a list. */
        TraceSummary: {
            /** @description Every parent id resolves and there is one root. */
            complete: boolean;
            /**
             * Format: int64
             * @description From the earliest start to the latest end.
             */
            duration_ns: number;
            /** @description Spans with status ERROR. */
            error_count: number;
            /**
             * Format: int64
             * @description Spans that satisfy the search; with conditions on the whole trace, those by which it came into question.
             */
            matched_span_count: number;
            root: null | components["schemas"]["TraceRoot"];
            service_count: number;
            /** @description Those with most spans first. */
            services: components["schemas"]["ServiceSummary"][];
            span_count: number;
            start_time_unix_nano: string;
            trace_id: string;
        };
        /** @description Of the other flows. */
        Usual: {
            /** Format: int64 */
            median_ns: number;
            /** Format: int64 */
            p95_ns: number;
        };
        ValueCount: {
            /** Format: int64 */
            count: number;
            value: string;
        };
        ValueDifference: {
            /**
             * Format: int64
             * @description Of the spans looked at.
             */
            inside: number;
            /** Format: int64 */
            outside: number;
            /** @description Null for spans without the key. */
            value: string | null;
        };
        /** @description The values of one key in the matching rows. */
        ValuesAnswer: components["schemas"]["Facet"] & {
            /** @description Not all matching rows were counted. */
            partial: boolean;
            /** Format: int64 */
            rows: number;
        };
        /** @description What the reader should know of the answer. */
        WarningFrame: {
            message: string;
        };
        /** @description Why nothing matches. */
        WhyEmpty: {
            /** @description In the order of the search; then the parameters beside it. In a search over whole traces they count traces. */
            conditions: components["schemas"]["ConditionWithout"][];
            /** @description Time of the earliest matching row behind it. */
            nearest_after_unix_nano: string | null;
            /** @description Time of the latest matching row before the range; of a search over whole traces, the start of the latest trace. */
            nearest_before_unix_nano: string | null;
            /**
             * @description False when there was no time to look through all that lies outside of the range: a match may be there though none
             *     is told.
             */
            nearest_is_known: boolean;
            /**
             * Format: int64
             * @description Rows of the signal in the range, whatever they are.
             */
            rows_in_range: number;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    compact: {
        parameters: {
            query?: {
                /** @description Everything of a date into one segment, whatever the policy says. */
                force?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Maintained"];
                };
            };
        };
    };
    flush: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Maintained"];
                };
            };
        };
    };
    calls: {
        parameters: {
            query?: {
                /**
                 * @description Start of the matching span, inclusive: RFC 3339, epoch nanoseconds, or relative to now (`now-15m`; units ns us
                 *     ms s m h d w).
                 */
                from?: string;
                /** @description Exclusive; forms as in `from`. */
                to?: string;
                service?: string;
                /** @description The whole name of the span. */
                name?: string;
                /** @description `UNSET`, `OK` or `ERROR`. */
                status?: string;
                /** @description Inclusive: `500ms`, `1.5s`, `2m`, or nanoseconds. */
                min_duration?: string;
                /** @description Inclusive. */
                max_duration?: string;
                /**
                 * @description `key=value`, any number of times: the span's attribute, or the resource's when the span has none; compared as
                 *     text.
                 */
                attr?: string[];
                /**
                 * @description A search in the language of `docs/search.md`: about one span, about the whole trace, or a filter expression of
                 *     X-Ray. Plain words must all occur in the name or the status message, in any case.
                 */
                q?: string;
                /** @description 32 hex digits. */
                trace_id?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChattinessAnswer"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_facets: {
        parameters: {
            query: {
                /** @description `spans` or `logs`. */
                signal: string;
                /** @description A search. All other filters of `/api/v1/traces` and `/api/v1/logs` are known here too. */
                q?: string;
                /** @description As in `/api/v1/traces`. */
                from?: string;
                to?: string;
                /** @description Keys, with commas between them; at most 20. */
                keys: string;
                /** @description At most so many values of each; default 20. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Facets"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_fields: {
        parameters: {
            query: {
                /** @description `spans` or `logs`. */
                signal: string;
                /** @description A search. All other filters of `/api/v1/traces` and `/api/v1/logs` are known here too. */
                q?: string;
                /** @description As in `/api/v1/traces`. */
                from?: string;
                to?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Fields"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_values: {
        parameters: {
            query: {
                /** @description `spans` or `logs`. */
                signal: string;
                /** @description A search. All other filters of `/api/v1/traces` and `/api/v1/logs` are known here too. */
                q?: string;
                /** @description As in `/api/v1/traces`. */
                from?: string;
                to?: string;
                /** @description Only values that contain this, in any case. */
                contains?: string;
                /** @description At most so many values; default 20. */
                limit?: number;
            };
            header?: never;
            path: {
                /** @description As in a search */
                key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ValuesAnswer"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    one_flow: {
        parameters: {
            query?: {
                /**
                 * @description Time of the spans and log records that carry the value, and of spans that link to their traces, inclusive: RFC
                 *     3339, epoch nanoseconds, or relative to now (`now-15m`). The traces are shown whole.
                 */
                from?: string;
                /** @description Exclusive; forms as in `from`. */
                to?: string;
                /** @description Look under this attribute key only, whether it is configured or not. */
                key?: string;
                /** @description Log records of the answer; default 500. */
                logs?: number;
            };
            header?: never;
            path: {
                /** @description Compared as text, letter by letter */
                value: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Flow"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description More spans than can be shown */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
        };
    };
    import: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": unknown;
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ImportAnswer"];
                };
            };
            /** @description No OTLP/JSON, or nothing in it */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description More than 32 MiB */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    search_logs: {
        parameters: {
            query?: {
                /**
                 * @description Time of the record, inclusive: RFC 3339, epoch nanoseconds, or relative to now (`now-15m`; units ns us ms s m h
                 *     d w).
                 */
                from?: string;
                /** @description Exclusive; forms as in `from`. */
                to?: string;
                service?: string;
                /** @description `TRACE`, `DEBUG`, `INFO`, `WARN`, `ERROR` or `FATAL`, exactly. */
                severity?: string;
                /** @description This severity or a worse one. */
                min_severity?: string;
                /**
                 * @description `key=value`, any number of times: the record's attribute, or the resource's when the record has none; compared
                 *     as text.
                 */
                attr?: string[];
                /** @description A search in the language of `docs/search.md`; plain words must all occur in the body, in any case. */
                q?: string;
                /** @description 32 hex digits. */
                trace_id?: string;
                /** @description 16 hex digits. */
                span_id?: string;
                /** @description `desc` (newest first, the default) or `asc`. */
                order?: string;
                /** @description Records on a page; default 100. */
                limit?: number;
                /** @description `next_cursor` of the page before, of the same search in the same order; only the range may be another. */
                cursor?: string;
                /** @description Of a stream only: a frame with the histogram in at most so many bars. */
                histogram?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LogPage"];
                    "application/x-ndjson": components["schemas"]["Frame"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Somebody stopped it */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    logs_over_time: {
        parameters: {
            query?: {
                /**
                 * @description Time of the record, inclusive: RFC 3339, epoch nanoseconds, or relative to now (`now-15m`; units ns us ms s m h
                 *     d w).
                 */
                from?: string;
                /** @description Exclusive; forms as in `from`. */
                to?: string;
                service?: string;
                /** @description `TRACE`, `DEBUG`, `INFO`, `WARN`, `ERROR` or `FATAL`, exactly. */
                severity?: string;
                /** @description This severity or a worse one. */
                min_severity?: string;
                /**
                 * @description `key=value`, any number of times: the record's attribute, or the resource's when the record has none; compared
                 *     as text.
                 */
                attr?: string[];
                /** @description A search in the language of `docs/search.md`; plain words must all occur in the body, in any case. */
                q?: string;
                /** @description 32 hex digits. */
                trace_id?: string;
                /** @description 16 hex digits. */
                span_id?: string;
                /** @description At most so many bars; default 60. */
                buckets?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LogHistogram"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    service_map: {
        parameters: {
            query?: {
                /**
                 * @description Start of the matching span, inclusive: RFC 3339, epoch nanoseconds, or relative to now (`now-15m`; units ns us
                 *     ms s m h d w).
                 */
                from?: string;
                /** @description Exclusive; forms as in `from`. */
                to?: string;
                service?: string;
                /** @description The whole name of the span. */
                name?: string;
                /** @description `UNSET`, `OK` or `ERROR`. */
                status?: string;
                /** @description Inclusive: `500ms`, `1.5s`, `2m`, or nanoseconds. */
                min_duration?: string;
                /** @description Inclusive. */
                max_duration?: string;
                /**
                 * @description `key=value`, any number of times: the span's attribute, or the resource's when the span has none; compared as
                 *     text.
                 */
                attr?: string[];
                /**
                 * @description A search in the language of `docs/search.md`: about one span, about the whole trace, or a filter expression of
                 *     X-Ray. Plain words must all occur in the name or the status message, in any case.
                 */
                q?: string;
                /** @description 32 hex digits. */
                trace_id?: string;
                /** @description Counts of each node in at most so many parts of the time range; absent when not given. */
                buckets?: number;
                /**
                 * @description `namespace` (resource attribute `service.namespace`) or `env` (`deployment.environment.name`, or the older
                 *     `deployment.environment`): fills `group` of each service, from its spans in the range.
                 */
                group?: string;
                /** @description Fill `group` only on a map of more nodes than this; default 0. */
                group_above?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MapAnswer"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    running_queries: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RunningQueries"];
                };
            };
        };
    };
    stop_query: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It ends now */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description No query of that id runs */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    ready: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Ready"];
                };
            };
            /** @description The log is being replayed */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Ready"];
                };
            };
        };
    };
    what_changed: {
        parameters: {
            query?: {
                /**
                 * @description Start of the matching span, inclusive: RFC 3339, epoch nanoseconds, or relative to now (`now-15m`; units ns us
                 *     ms s m h d w).
                 */
                from?: string;
                /** @description Exclusive; forms as in `from`. */
                to?: string;
                service?: string;
                /** @description The whole name of the span. */
                name?: string;
                /** @description `UNSET`, `OK` or `ERROR`. */
                status?: string;
                /** @description Inclusive: `500ms`, `1.5s`, `2m`, or nanoseconds. */
                min_duration?: string;
                /** @description Inclusive. */
                max_duration?: string;
                /**
                 * @description `key=value`, any number of times: the span's attribute, or the resource's when the span has none; compared as
                 *     text.
                 */
                attr?: string[];
                /**
                 * @description A search in the language of `docs/search.md`: about one span, about the whole trace, or a filter expression of
                 *     X-Ray. Plain words must all occur in the name or the status message, in any case.
                 */
                q?: string;
                /** @description 32 hex digits. */
                trace_id?: string;
                /**
                 * @description Where the baseline begins; forms as in `from`. Default: an hour, or ten lengths of the window, before it; where
                 *     there are fewer than 200,000 spans, further, up to a day.
                 */
                base_from?: string;
                /**
                 * @description Exclusive. Default: as far behind the window. What lies in the window is not part of the
                 *     baseline.
                 */
                base_to?: string;
                /**
                 * @description `500ms`, `30s`, ...: the comparison is given up when it takes longer. Default 10 s, or what queries have when that
                 *     is less.
                 */
                timeout?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RootCauseAnswer"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much to compare in the time */
            504: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    explain: {
        parameters: {
            query: {
                /** @description `spans` or `logs`. */
                signal: string;
                /** @description A search. All other filters of `/api/v1/traces` and `/api/v1/logs` are known here too. */
                q?: string;
                /** @description As in `/api/v1/traces`. */
                from?: string;
                to?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExplainAnswer"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    why: {
        parameters: {
            query: {
                /** @description `spans` or `logs`. */
                signal: string;
                /** @description A search. All other filters of `/api/v1/traces` and `/api/v1/logs` are known here too. */
                q?: string;
                /** @description As in `/api/v1/traces`. */
                from?: string;
                to?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WhyEmpty"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list: {
        parameters: {
            query?: {
                /** @description Inclusive: RFC 3339, epoch nanoseconds, or relative to now (`now-15m`; units ns us ms s m h d w). */
                from?: string;
                /** @description Exclusive; forms as in `from`. */
                to?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Services"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    overview: {
        parameters: {
            query?: {
                /** @description Inclusive: RFC 3339, epoch nanoseconds, or relative to now (`now-15m`; units ns us ms s m h d w). */
                from?: string;
                /** @description Exclusive; forms as in `from`. */
                to?: string;
                /** @description At most so many bars; default 60. */
                buckets?: number;
            };
            header?: never;
            path: {
                /** @description service.name */
                service: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ServiceOverview"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The service has no span in the range */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    errors: {
        parameters: {
            query?: {
                /** @description Inclusive: RFC 3339, epoch nanoseconds, or relative to now (`now-15m`; units ns us ms s m h d w). */
                from?: string;
                /** @description Exclusive; forms as in `from`. */
                to?: string;
            };
            header?: never;
            path: {
                /** @description service.name */
                service: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorGroups"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    operations: {
        parameters: {
            query?: {
                /** @description Inclusive: RFC 3339, epoch nanoseconds, or relative to now (`now-15m`; units ns us ms s m h d w). */
                from?: string;
                /** @description Exclusive; forms as in `from`. */
                to?: string;
            };
            header?: never;
            path: {
                /** @description service.name */
                service: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operations"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    compare_spans: {
        parameters: {
            query?: {
                /**
                 * @description Start of the matching span, inclusive: RFC 3339, epoch nanoseconds, or relative to now (`now-15m`; units ns us
                 *     ms s m h d w).
                 */
                from?: string;
                /** @description Exclusive; forms as in `from`. */
                to?: string;
                service?: string;
                /** @description The whole name of the span. */
                name?: string;
                /** @description `UNSET`, `OK` or `ERROR`. */
                status?: string;
                /** @description Inclusive: `500ms`, `1.5s`, `2m`, or nanoseconds. */
                min_duration?: string;
                /** @description Inclusive. */
                max_duration?: string;
                /**
                 * @description `key=value`, any number of times: the span's attribute, or the resource's when the span has none; compared as
                 *     text.
                 */
                attr?: string[];
                /**
                 * @description A search in the language of `docs/search.md`: about one span, about the whole trace, or a filter expression of
                 *     X-Ray. Plain words must all occur in the name or the status message, in any case.
                 */
                q?: string;
                /** @description 32 hex digits. */
                trace_id?: string;
                /** @description Start of the selected spans, inclusive; forms as in `from`. */
                sel_from?: string;
                /** @description Exclusive. */
                sel_to?: string;
                /** @description Inclusive; forms as in `min_duration`. */
                sel_min_duration?: string;
                /** @description Exclusive, unlike `max_duration`: the upper edge of a cell. */
                sel_max_duration?: string;
                /** @description `ok`, `error`, `throttle` or `fault`: only spans with this outcome, the worst of those that a span has. */
                sel_outcome?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ComparisonAnswer"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    spans_by_time_and_duration: {
        parameters: {
            query?: {
                /**
                 * @description Start of the matching span, inclusive: RFC 3339, epoch nanoseconds, or relative to now (`now-15m`; units ns us
                 *     ms s m h d w).
                 */
                from?: string;
                /** @description Exclusive; forms as in `from`. */
                to?: string;
                service?: string;
                /** @description The whole name of the span. */
                name?: string;
                /** @description `UNSET`, `OK` or `ERROR`. */
                status?: string;
                /** @description Inclusive: `500ms`, `1.5s`, `2m`, or nanoseconds. */
                min_duration?: string;
                /** @description Inclusive. */
                max_duration?: string;
                /**
                 * @description `key=value`, any number of times: the span's attribute, or the resource's when the span has none; compared as
                 *     text.
                 */
                attr?: string[];
                /**
                 * @description A search in the language of `docs/search.md`: about one span, about the whole trace, or a filter expression of
                 *     X-Ray. Plain words must all occur in the name or the status message, in any case.
                 */
                q?: string;
                /** @description 32 hex digits. */
                trace_id?: string;
                /** @description At most so many columns of time; default 120. */
                columns?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HeatmapAnswer"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    sql: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SqlRequest"];
            };
        };
        responses: {
            /** @description The rows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SqlAnswer"];
                    "text/csv": string;
                    "application/vnd.apache.arrow.stream": number[];
                };
            };
            /** @description Not one query that reads, or one that cannot be planned */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Somebody stopped it */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too much memory or too large an answer */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many queries are waiting */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Not finished in time */
            504: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    status: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Status"];
                };
            };
        };
    };
    system: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["System"];
                };
            };
        };
    };
    search_traces: {
        parameters: {
            query?: {
                /**
                 * @description Start of the matching span, inclusive: RFC 3339, epoch nanoseconds, or relative to now (`now-15m`; units ns us
                 *     ms s m h d w).
                 */
                from?: string;
                /** @description Exclusive; forms as in `from`. */
                to?: string;
                service?: string;
                /** @description The whole name of the span. */
                name?: string;
                /** @description `UNSET`, `OK` or `ERROR`. */
                status?: string;
                /** @description Inclusive: `500ms`, `1.5s`, `2m`, or nanoseconds. */
                min_duration?: string;
                /** @description Inclusive. */
                max_duration?: string;
                /**
                 * @description `key=value`, any number of times: the span's attribute, or the resource's when the span has none; compared as
                 *     text.
                 */
                attr?: string[];
                /**
                 * @description A search in the language of `docs/search.md`: about one span, about the whole trace, or a filter expression of
                 *     X-Ray. Plain words must all occur in the name or the status message, in any case.
                 */
                q?: string;
                /** @description 32 hex digits. */
                trace_id?: string;
                /** @description Traces on a page; default 20. */
                limit?: number;
                /**
                 * @description `next_cursor` of the page before, of the same search in the same order; only the range may be another. What was there when the first page was asked for and does not
                 *     change comes once, whatever is written meanwhile; a trace that gets spans meanwhile stands at its new place, which
                 *     may be on a page that has been given, or still to come.
                 */
                cursor?: string;
                /**
                 * @description `start` (the default), `duration`, `span_count` or `errors`. Any order but `start`, newest first, looks at all
                 *     matching traces of the range, at most 1,000,000.
                 */
                sort?: string;
                /** @description `desc` (the default) or `asc`. */
                order?: string;
                /** @description Of a stream only: a frame with the histogram in at most so many bars. */
                histogram?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TracePage"];
                    "application/x-ndjson": components["schemas"]["Frame"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Somebody stopped it */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description More traces match than an order can be made of */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    span_durations: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DurationHistogram"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    spans_over_time: {
        parameters: {
            query?: {
                /**
                 * @description Start of the matching span, inclusive: RFC 3339, epoch nanoseconds, or relative to now (`now-15m`; units ns us
                 *     ms s m h d w).
                 */
                from?: string;
                /** @description Exclusive; forms as in `from`. */
                to?: string;
                service?: string;
                /** @description The whole name of the span. */
                name?: string;
                /** @description `UNSET`, `OK` or `ERROR`. */
                status?: string;
                /** @description Inclusive: `500ms`, `1.5s`, `2m`, or nanoseconds. */
                min_duration?: string;
                /** @description Inclusive. */
                max_duration?: string;
                /**
                 * @description `key=value`, any number of times: the span's attribute, or the resource's when the span has none; compared as
                 *     text.
                 */
                attr?: string[];
                /**
                 * @description A search in the language of `docs/search.md`: about one span, about the whole trace, or a filter expression of
                 *     X-Ray. Plain words must all occur in the name or the status message, in any case.
                 */
                q?: string;
                /** @description 32 hex digits. */
                trace_id?: string;
                /** @description At most so many bars; default 60. */
                buckets?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SpanHistogram"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    trace: {
        parameters: {
            query?: {
                /** @description `otlp`: OTLP/JSON equal to what was sent (`{"resourceSpans": [...], "resourceLogs": [...]}`). */
                format?: string;
                /**
                 * @description `skeleton`: the columns of `TraceSkeleton` instead of rows, for traces of any size: tree, times, names, outcomes and
                 *     where events and log records are. What a span says is at `/spans/{span_id}`. `full` (the default) has all.
                 */
                view?: string;
            };
            header?: never;
            path: {
                /** @description 32 hex digits */
                trace_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The trace; `TraceSkeleton` with `view=skeleton` */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Trace"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Nothing has this trace id */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description More spans than can be shown */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    links_in: {
        parameters: {
            query?: {
                /**
                 * @description Start of the linking span, inclusive: RFC 3339, epoch nanoseconds, or relative to now. Without a range all data
                 *     is read.
                 */
                from?: string;
                /** @description Exclusive; forms as in `from`. */
                to?: string;
                /** @description Links to this span only: 16 hex digits. */
                span_id?: string;
                /** @description Default 100. */
                limit?: number;
            };
            header?: never;
            path: {
                /** @description 32 hex digits */
                trace_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LinkingSpans"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    trace_map: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description 32 hex digits */
                trace_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MapAnswer"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No span has this trace id */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    span: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description 32 hex digits */
                trace_id: string;
                /** @description 16 hex digits */
                span_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SpanDetail"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The trace has no such span */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    metrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain; version=0.0.4": string;
                };
            };
        };
    };
}
