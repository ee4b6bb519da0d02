use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use bytes::Bytes;
use proptest::prelude::*;
use prost::Message;
use proto::otlp::any_value::Value;
use proto::otlp::{
    AnyValue, ArrayValue, ExportLogsServiceRequest, ExportTraceServiceRequest, KeyValue, KeyValueList, LogRecord,
    Resource, ResourceLogs, ResourceSpans, ScopeLogs, ScopeSpans, Span, Status, span, status,
};
use proto::value::{key_value, write_json_attributes, write_json_value};
use proto::{promoted, schema};

use super::*;

pub(crate) fn any_value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        Just(None),
        ".{0,8}".prop_map(|text| Some(Value::StringValue(text))),
        any::<bool>().prop_map(|bool| Some(Value::BoolValue(bool))),
        any::<i64>().prop_map(|int| Some(Value::IntValue(int))),
        any::<f64>().prop_map(|double| Some(Value::DoubleValue(double))),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| Some(Value::BytesValue(bytes))),
    ];
    let tree = leaf.prop_recursive(3, 16, 4, |inner| {
        let item = inner.prop_map(|value| AnyValue { value });
        let pair = ("[a-c$]{0,2}", item.clone()).prop_map(|(key, value)| key_value(key, value));
        prop_oneof![
            prop::collection::vec(item, 0..4).prop_map(|values| Some(Value::ArrayValue(ArrayValue { values }))),
            prop::collection::vec(pair, 0..4).prop_map(|values| Some(Value::KvlistValue(KeyValueList { values }))),
        ]
    });
    tree.prop_map(|value| AnyValue { value })
}

/// Among them keys with a column of their own, sometimes twice.
fn any_attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let key = prop_oneof![
        "[a-z.]{0,6}",
        prop::sample::select(vec![
            "http.request.method",
            "http.response.status_code",
            "url.path",
            "user.id",
            "thread.id"
        ])
        .prop_map(str::to_owned),
    ];
    let value =
        prop_oneof![any_value(), "[a-z]{0,3}".prop_map(|text| AnyValue { value: Some(Value::StringValue(text)) })];
    prop::collection::vec((key, value).prop_map(|(key, value)| key_value(key, value)), 0..6)
}

prop_compose! {
    fn any_span()(
        trace_id in prop_oneof![9 => prop::collection::vec(any::<u8>(), 16), 1 => prop::collection::vec(0..1u8, 0..17)],
        span_id in prop_oneof![9 => prop::collection::vec(1..255u8, 8), 1 => prop::collection::vec(any::<u8>(), 0..9)],
        parent_span_id in prop_oneof![Just(vec![]), Just(vec![0; 8]), prop::collection::vec(1..255u8, 8)],
        name in ".{0,5}",
        trace_state in "[a-z]{0,2}",
        (kind, code, flags) in (-1..8i32, -1..4i32, any::<u32>()),
        (start_time_unix_nano, end_time_unix_nano) in any::<(u64, u64)>(),
        attributes in any_attributes(),
        event in any_attributes(),
        link in any_attributes(),
        (dropped_attributes_count, dropped_events_count, dropped_links_count) in any::<(u32, u32, u32)>(),
        lists in 0..3usize,
    ) -> Span {
        let event = span::Event { time_unix_nano: 5, name: name.clone(), attributes: event, dropped_attributes_count };
        let link = span::Link {
            trace_id: trace_id.clone(),
            span_id: span_id.clone(),
            trace_state: trace_state.clone(),
            attributes: link,
            dropped_attributes_count,
            flags,
        };
        let status = Some(Status { message: trace_state.clone(), code });
        Span {
            trace_id, span_id, trace_state, parent_span_id, flags, name, kind, start_time_unix_nano, end_time_unix_nano,
            attributes, dropped_attributes_count, events: vec![event; lists], dropped_events_count,
            links: vec![link; lists], dropped_links_count, status,
        }
    }
}

prop_compose! {
    pub(crate) fn any_traces()(
        envelopes in prop::collection::vec((any_attributes(), prop::collection::vec(any_span(), 0..4)), 0..4),
    ) -> ExportTraceServiceRequest {
        let resource_spans = envelopes.into_iter().map(|(attributes, spans)| ResourceSpans {
            resource: Some(Resource { attributes, ..Default::default() }),
            scope_spans: vec![ScopeSpans { spans, ..Default::default() }],
            ..Default::default()
        });
        ExportTraceServiceRequest { resource_spans: resource_spans.collect() }
    }
}

fn words<'a>(batch: &'a RecordBatch, column: &str) -> impl Fn(usize) -> Option<&'a str> + use<'a> {
    let array = batch.column_by_name(column).expect("a column").as_dictionary::<Int32Type>();
    let values = array.values().as_string::<i32>();
    move |row| array.key(row).map(|key| values.value(key))
}

fn ints<'a>(batch: &'a RecordBatch, column: &str) -> impl Fn(usize) -> Option<i64> + use<'a> {
    let array = batch.column_by_name(column).expect("a column").as_primitive::<Int64Type>();
    move |row| array.is_valid(row).then(|| array.value(row))
}

fn binary<'a>(batch: &'a RecordBatch, column: &str) -> impl Fn(usize) -> Option<&'a [u8]> + use<'a> {
    let array = batch.column_by_name(column).expect("a column").as_binary::<i32>();
    move |row| array.is_valid(row).then(|| array.value(row))
}

/// The attributes of a row as sorted `key: JSON` lines, read back from map and promoted columns.
fn attribute_lines(batch: &RecordBatch, table: &[promoted::Promoted], row: usize) -> Vec<String> {
    let entries = batch.column_by_name(schema::ATTRIBUTES).expect("a column").as_map().value(row);
    let (keys, values) = (entries.column(0).as_string::<i32>(), entries.column(1).as_string::<i32>());
    let types = words(batch, schema::ATTRIBUTE_TYPES)(row);
    let mut lines: Vec<String> = (0..entries.len())
        .map(|i| match types.map_or(b's', |types| types.as_bytes()[i]) {
            b'j' => line_of_json(keys.value(i), values.value(i)),
            _ => line(keys.value(i), &AnyValue { value: Some(Value::StringValue(values.value(i).into())) }),
        })
        .collect();
    let conflicts = batch.column_by_name(schema::ATTRIBUTE_CONFLICTS).expect("a column").as_string::<i32>();
    if conflicts.is_valid(row) {
        let conflicts = proto::value::read_json_attributes(conflicts.value(row)).expect("an object");
        lines.extend(conflicts.iter().map(|conflict| line(&conflict.key, conflict.value.as_ref().expect("a value"))));
    }
    for promoted in table {
        let array = batch.column_by_name(promoted.column).expect("a column");
        let value = match array.data_type() {
            _ if array.is_null(row) => continue,
            DataType::Int64 => Value::IntValue(array.as_primitive::<Int64Type>().value(row)),
            DataType::Utf8 => Value::StringValue(array.as_string::<i32>().value(row).into()),
            _ => Value::StringValue(words(batch, promoted.column)(row).expect("valid").into()),
        };
        lines.push(line(promoted.key, &AnyValue { value: Some(value) }));
    }
    lines.sort();
    lines
}

fn line(key: &str, value: &AnyValue) -> String {
    let mut json = String::new();
    write_json_value(&mut json, value);
    line_of_json(key, &json)
}

/// With the members of objects in alphabetical order: theirs means nothing, and reading conflicts back changes it.
fn line_of_json(key: &str, json: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(json).expect("JSON");
    format!("{key}: {value}")
}

fn is_valid(span: &Span) -> bool {
    let given = |id: &[u8], length| id.len() == length && id.iter().any(|byte| *byte != 0);
    given(&span.trace_id, 16) && given(&span.span_id, 8)
}

fn number_or(name: Option<&str>, number: i32) -> String {
    name.map_or(number.to_string(), |name| name.split('_').next_back().expect("one part").to_owned())
}

/// Every column of every row against the message that prost sees.
fn check_spans(request: &ExportTraceServiceRequest) {
    let converted = to_record_batch(Signal::Spans, &request.encode_to_vec(), 0).expect("converts");
    let batch = &converted.batch;
    let mut row = 0;
    let mut refused = 0;
    for resource_spans in &request.resource_spans {
        for span in resource_spans.scope_spans.iter().flat_map(|scope| &scope.spans) {
            if !is_valid(span) {
                refused += 1;
                continue;
            }
            check_span(batch, row, span);
            let mut json = String::new();
            write_json_attributes(&mut json, &resource_spans.resource.as_ref().expect("sent").attributes);
            assert_eq!(words(batch, schema::RESOURCE)(row), Some(json.as_str()));
            row += 1;
        }
    }
    assert_eq!((converted.accepted, converted.rejected), (row as u64, refused));
    assert_eq!(batch.num_rows(), row);
}

fn check_span(batch: &RecordBatch, row: usize, span: &Span) {
    let given = |id: &'_ [u8]| id.iter().any(|byte| *byte != 0).then(|| id.to_vec());
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let count = |count: u32| (count != 0).then_some(i64::from(count));
    assert_eq!(binary(batch, schema::TRACE_ID)(row), Some(&span.trace_id[..]));
    assert_eq!(binary(batch, schema::SPAN_ID)(row), Some(&span.span_id[..]));
    assert_eq!(binary(batch, schema::PARENT_SPAN_ID)(row).map(<[u8]>::to_vec), given(&span.parent_span_id));
    assert_eq!(words(batch, schema::TRACE_STATE)(row).map(str::to_owned), text(&span.trace_state));
    assert_eq!(words(batch, schema::NAME)(row).map(str::to_owned), text(&span.name));
    assert_eq!(ints(batch, schema::FLAGS)(row), Some(i64::from(span.flags)));
    let kind = span::SpanKind::try_from(span.kind).ok().map(|kind| kind.as_str_name());
    assert_eq!(words(batch, schema::KIND)(row), Some(number_or(kind, span.kind).as_str()));
    let start = ints(batch, schema::START_TIME_UNIX_NANO)(row).expect("always set");
    assert_eq!(start as u64, span.start_time_unix_nano);
    let end = start.wrapping_add(ints(batch, schema::DURATION_NS)(row).expect("always set"));
    assert_eq!(end as u64, span.end_time_unix_nano);
    let status = span.status.as_ref().expect("sent");
    let code = status::StatusCode::try_from(status.code).ok().map(|code| code.as_str_name());
    assert_eq!(words(batch, schema::STATUS)(row), Some(number_or(code, status.code).as_str()));
    assert_eq!(words(batch, schema::STATUS_MESSAGE)(row).map(str::to_owned), text(&status.message));
    assert_eq!(ints(batch, schema::DROPPED_ATTRIBUTES_COUNT)(row), count(span.dropped_attributes_count));
    assert_eq!(ints(batch, schema::DROPPED_EVENTS_COUNT)(row), count(span.dropped_events_count));
    assert_eq!(ints(batch, schema::DROPPED_LINKS_COUNT)(row), count(span.dropped_links_count));
    let mut lines: Vec<String> =
        span.attributes.iter().map(|a| line(&a.key, a.value.as_ref().expect("sent"))).collect();
    lines.sort();
    assert_eq!(attribute_lines(batch, promoted::SPAN_ATTRIBUTES, row), lines);
    for (column, expected) in [
        (schema::EVENTS, span.events.iter().map(|event| &event.attributes).collect::<Vec<_>>()),
        (schema::LINKS, span.links.iter().map(|link| &link.attributes).collect()),
    ] {
        let list = batch.column_by_name(column).expect("a column").as_list::<i32>().value(row);
        let json = list.as_struct().column_by_name("attributes").expect("a field").as_string::<i32>();
        assert_eq!(json.len(), expected.len());
        for (element, attributes) in expected.into_iter().enumerate() {
            let mut text = String::new();
            write_json_attributes(&mut text, attributes);
            let expected = (!attributes.is_empty()).then_some(text.as_str());
            assert_eq!(json.is_valid(element).then(|| json.value(element)), expected);
        }
    }
    let links = batch.column_by_name(schema::LINKS).expect("a column").as_list::<i32>().value(row);
    for (element, link) in span.links.iter().enumerate() {
        let ids = links.as_struct().column_by_name("trace_id").expect("a field").as_binary::<i32>();
        assert_eq!(ids.value(element), &link.trace_id[..]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn spans_lie_in_the_columns_as_prost_reads_them(request in any_traces()) {
        check_spans(&request);
    }

    /// Bytes from the network: never a panic, and the rows that prost would count.
    #[test]
    fn damaged_bytes_are_an_error_or_the_same_records(
        request in any_traces(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        length in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let mut bytes = request.encode_to_vec();
        if bytes.is_empty() {
            return Ok(());
        }
        for (index, byte) in damage {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        if cut {
            bytes.truncate(length.index(bytes.len()));
        }
        for signal in Signal::ALL {
            let ours = to_record_batch(signal, &bytes, 7);
            let theirs = match signal {
                Signal::Spans => ExportTraceServiceRequest::decode(&bytes[..]).ok().map(|request| {
                    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
                    scopes.map(|scope| scope.spans.len()).sum::<usize>()
                }),
                Signal::Logs => ExportLogsServiceRequest::decode(&bytes[..]).ok().map(|request| {
                    let scopes = request.resource_logs.iter().flat_map(|resource| &resource.scope_logs);
                    scopes.map(|scope| scope.log_records.len()).sum::<usize>()
                }),
            };
            if let (Ok(ours), Some(theirs)) = (ours, theirs) {
                prop_assert_eq!(ours.accepted + ours.rejected, theirs as u64);
            }
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for signal in Signal::ALL {
            let _ = to_record_batch(signal, &bytes, 7);
        }
    }
}

fn logs(records: Vec<LogRecord>) -> Vec<u8> {
    let scope_logs = vec![ScopeLogs { scope: None, log_records: records, schema_url: "scope-url".into() }];
    let attributes = vec![
        key_value("service.name".into(), string("cart")),
        key_value("pid".into(), AnyValue { value: Some(Value::IntValue(7)) }),
    ];
    let resource = Some(Resource { attributes, dropped_attributes_count: 2, entity_refs: vec![] });
    let resource_logs = vec![ResourceLogs { resource, scope_logs, schema_url: String::new() }];
    ExportLogsServiceRequest { resource_logs }.encode_to_vec()
}

fn string(text: &str) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(text.into())) }
}

#[test]
fn log_records_lie_in_the_columns() {
    let body = |value| Some(AnyValue { value });
    let structured = Value::ArrayValue(ArrayValue { values: vec![string("a"), AnyValue { value: None }] });
    let converted = to_record_batch(
        Signal::Logs,
        &logs(vec![
            LogRecord {
                time_unix_nano: 1_500,
                observed_time_unix_nano: 9,
                severity_number: 9,
                severity_text: "Info".into(),
                body: Some(string("started")),
                trace_id: vec![1; 16],
                span_id: vec![2; 8],
                flags: 1,
                event_name: "start".into(),
                attributes: vec![key_value("user.id".into(), string("")), key_value("x".into(), string("y"))],
                dropped_attributes_count: 3,
            },
            LogRecord { observed_time_unix_nano: 9, body: body(Some(structured)), ..Default::default() },
            LogRecord { trace_id: vec![0; 16], span_id: vec![0; 8], body: body(None), ..Default::default() },
            LogRecord { body: Some(string("")), ..Default::default() },
            LogRecord { trace_id: vec![1; 4], ..Default::default() },
        ]),
        77,
    )
    .expect("converts");
    let batch = &converted.batch;
    assert_eq!((converted.accepted, converted.rejected, converted.depends_on_arrival), (4, 1, true));
    let reason = converted.rejected_reason.expect("one was refused");
    assert_eq!(reason, "1 refused; the first is record 4 (counted from 0): trace_id has 4 bytes instead of 16");

    let word = |column, row| words(batch, column)(row);
    let rows = |column| (0..4).map(|row| words(batch, column)(row)).collect::<Vec<_>>();
    let numbers = |column| (0..4).map(|row| ints(batch, column)(row)).collect::<Vec<_>>();
    assert_eq!(numbers(schema::TIME_UNIX_NANO), [Some(1_500), Some(9), Some(77), Some(77)]);
    assert_eq!(rows(schema::TIME_FROM), [None, Some("observed"), Some("arrival"), Some("arrival")]);
    assert_eq!(numbers(schema::OBSERVED_TIME_UNIX_NANO), [Some(9), Some(9), None, None]);
    let bodies = batch.column_by_name(schema::BODY).expect("a column").as_string::<i32>();
    assert_eq!(bodies.iter().collect::<Vec<_>>(), [Some("started"), Some(r#"["a",null]"#), Some("null"), Some("")]);
    assert_eq!(rows(schema::BODY_TYPE), [None, Some("json"), Some("json"), None]);
    assert_eq!(binary(batch, schema::TRACE_ID)(0), Some(&[1; 16][..]));
    assert_eq!(binary(batch, schema::SPAN_ID)(0), Some(&[2; 8][..]));
    assert_eq!(binary(batch, schema::TRACE_ID)(2), None);
    assert_eq!(word(schema::SEVERITY_TEXT, 0), Some("Info"));
    assert_eq!(word(schema::EVENT_NAME, 0), Some("start"));
    assert_eq!(word(schema::SERVICE, 3), Some("cart"));
    assert_eq!(word(schema::RESOURCE, 0), Some(r#"{"service.name":"cart","pid":7}"#));
    let context = r#"{"resource_dropped_attributes_count":2,"scope_schema_url":"scope-url","scope_present":false}"#;
    assert_eq!(word(schema::CONTEXT, 0), Some(context));
    assert_eq!(attribute_lines(batch, promoted::LOG_ATTRIBUTES, 0), [r#"user.id: """#, r#"x: "y""#]);
    assert_eq!(ints(batch, schema::DROPPED_ATTRIBUTES_COUNT)(0), Some(3));
}

#[test]
fn the_payload_with_its_arrival_makes_the_same_rows_again() {
    let payload = Bytes::from(logs(vec![LogRecord::default()]));
    let first = to_record_batch(Signal::Logs, &payload, 77).expect("converts");
    assert!(first.depends_on_arrival);
    let stamped = with_arrival(&payload, 77);
    let replayed = to_record_batch(Signal::Logs, &stamped, 99).expect("converts");
    assert_eq!(first.batch, replayed.batch);
    ExportLogsServiceRequest::decode(&stamped[..]).expect("other readers skip the stamp");
}

#[test]
fn fields_come_in_any_order_and_unknown_ones_are_skipped() {
    let resource =
        Resource { attributes: vec![key_value("service.name".into(), string("late"))], ..Default::default() };
    let scopes = ResourceLogs {
        scope_logs: vec![ScopeLogs {
            log_records: vec![LogRecord { time_unix_nano: 1, ..Default::default() }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let mut message = scopes.encode_to_vec();
    message.extend([0xa2, 0x06, 0x01, b'?']); // field 100
    message.extend(ResourceLogs { resource: Some(resource), ..Default::default() }.encode_to_vec());
    let mut request = vec![0x0a, message.len() as u8];
    request.extend(message);
    let converted = to_record_batch(Signal::Logs, &request, 0).expect("converts");
    assert_eq!(words(&converted.batch, schema::SERVICE)(0), Some("late"));
}

#[test]
fn more_records_than_the_limit_are_refused_as_too_many() {
    let mut scope = [0x12, 0x00].repeat(RECORDS_MAX + 1);
    for _ in 0..2 {
        let mut wrapped = vec![0x12];
        prost::encoding::encode_varint(scope.len() as u64, &mut wrapped);
        wrapped.extend(scope);
        scope = wrapped;
    }
    scope[0] = 0x0a;
    let error = to_record_batch(Signal::Logs, &scope, 0).expect_err("too many");
    assert!(matches!(error, ConvertError::TooMany(_)), "{error}");
}

#[test]
fn text_that_is_not_utf8_is_refused_with_its_field() {
    let mut bytes = logs(vec![LogRecord { severity_text: "abc".into(), ..Default::default() }]);
    let at = bytes.windows(3).position(|window| window == b"abc").expect("sent");
    bytes[at] = 0xff;
    let error = to_record_batch(Signal::Logs, &bytes, 0).expect_err("not UTF-8");
    assert!(error.to_string().starts_with("LogRecord.severity_text is not UTF-8"), "{error}");
}
