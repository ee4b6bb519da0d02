/**
 * The shapes of the HTTP API under the names that the UI has for them; `schema.d.ts` has what they are and is made from
 * the server's description (`make ui-types`). `*_unix_nano` are decimal strings, `*_ns` and counts numbers.
 */
import type { JsonValue } from "../lib/json";
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Attributes = Record<string, JsonValue>;

export type ApiErrorBody = Schemas["ErrorBody"];
export type ServerStatus = Schemas["Status"];

export type TraceSummary = Schemas["TraceSummary"];
export type TracePage = Schemas["TracePage"];
export type ImportAnswer = Schemas["ImportAnswer"];
export type TraceSkeleton = Schemas["TraceSkeleton"];

/** A span as it was sent. */
export type Span = Schemas["SpanContent"];
export type SpanEvent = Schemas["SpanEvent"];
export type SpanDetail = Schemas["SpanDetail"];
export type LinkingSpan = Schemas["LinkingSpan"];
export type LinksIn = Schemas["LinkingSpans"];

export type LogRecord = Schemas["LogRecord"];
export type LogPage = Schemas["LogPage"];
export type LogHistogram = Schemas["LogHistogram"];
export type TraceHistogram = Schemas["SpanHistogram"];

export type ServiceRow = Schemas["ServiceFigures"];
export type ServiceList = Schemas["Services"];
export type OperationRow = Schemas["OperationFigures"];
export type OperationList = Schemas["Operations"];
export type RedPart = Schemas["RedPart"];
export type ServiceOverview = Schemas["ServiceOverview"];
export type ErrorGroups = Schemas["ErrorGroups"];

export type SqlResult = Schemas["SqlAnswer"];

export type SearchSignal = "spans" | "logs";
/** What a search means, or what is wrong with it. */
export type SearchMeaning = Schemas["ExplainAnswer"];
export type FieldList = Schemas["Fields"];
export type ValueCount = Schemas["ValueCount"];
export type ValueList = Schemas["ValuesAnswer"];
export type Facet = Schemas["Facet"];
export type FacetList = Schemas["Facets"];
export type WhyEmpty = Schemas["WhyEmpty"];
/** Spans by duration, each counted once. */
export type OutcomeBucket = Schemas["DurationBucket"];
export type OutcomeHistogram = Schemas["DurationHistogram"];

/** Flags do not exclude each other: a request may be an error and a fault; every throttle is an error. */
export type OutcomeCounts = Schemas["Counts"];
export type DurationFigures = Schemas["Durations"];
/** Requests whose duration lies in `start_ns..end_ns`; empty buckets are left out. */
export type DurationBucket = Schemas["HistogramBucket"];
export type NodeType = Schemas["NodeType"];
export type MapNode = Schemas["MapNode"];
export type MapEdge = Schemas["MapEdge"];
export type ServiceMap = Schemas["MapAnswer"];
