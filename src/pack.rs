//! Recorded OTLP: packs (`*.otlp.zst`) and OTLP/JSON lines (`*.jsonl`), read request by request and moved in time.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use prost::Message;
use proto::otlp::{ExportLogsServiceRequest, ExportTraceServiceRequest, LogRecord, Span};
use serde::de::DeserializeOwned;

/// A frame longer than this is taken for damage. Requests larger than 64 MiB are refused by any receiver.
const FRAME_BYTES_MAX: u64 = 64 << 20;

/// One recorded request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Request {
    Traces(ExportTraceServiceRequest),
    Logs(ExportLogsServiceRequest),
}

impl Request {
    /// Path of the OTLP/HTTP endpoint.
    pub(crate) fn path(&self) -> &'static str {
        match self {
            Request::Traces(_) => "/v1/traces",
            Request::Logs(_) => "/v1/logs",
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Request::Traces(request) => request.encode_to_vec(),
            Request::Logs(request) => request.encode_to_vec(),
        }
    }

    pub(crate) fn spans(&self) -> impl Iterator<Item = &Span> {
        let resources = match self {
            Request::Traces(request) => request.resource_spans.as_slice(),
            Request::Logs(_) => &[],
        };
        resources.iter().flat_map(|resource| &resource.scope_spans).flat_map(|scope| &scope.spans)
    }

    pub(crate) fn log_records(&self) -> impl Iterator<Item = &LogRecord> {
        let resources = match self {
            Request::Traces(_) => &[],
            Request::Logs(request) => request.resource_logs.as_slice(),
        };
        resources.iter().flat_map(|resource| &resource.scope_logs).flat_map(|scope| &scope.log_records)
    }

    /// Spans or log records.
    pub(crate) fn items(&self) -> usize {
        self.spans().count() + self.log_records().count()
    }

    /// The latest time in it; 0 when it has none.
    pub(crate) fn latest(&self) -> u64 {
        let of_span = |span: &Span| {
            let events = span.events.iter().map(|event| event.time_unix_nano);
            events.fold(span.start_time_unix_nano.max(span.end_time_unix_nano), u64::max)
        };
        let of_record = |record: &LogRecord| record.time_unix_nano.max(record.observed_time_unix_nano);
        self.spans().map(of_span).chain(self.log_records().map(of_record)).max().unwrap_or(0)
    }

    /// Moves every time by `distance` nanoseconds. A time of 0 means unknown and stays.
    pub(crate) fn shift(&mut self, distance: i64) {
        match self {
            Request::Traces(request) => {
                let resources = request.resource_spans.iter_mut();
                let scopes = resources.flat_map(|resource| &mut resource.scope_spans);
                scopes.flat_map(|scope| &mut scope.spans).for_each(|span| shift_span(span, distance));
            }
            Request::Logs(request) => {
                let resources = request.resource_logs.iter_mut();
                let scopes = resources.flat_map(|resource| &mut resource.scope_logs);
                scopes.flat_map(|scope| &mut scope.log_records).for_each(|record| shift_log_record(record, distance));
            }
        }
    }
}

pub(crate) fn shift_span(span: &mut Span, distance: i64) {
    shift_time(&mut span.start_time_unix_nano, distance);
    shift_time(&mut span.end_time_unix_nano, distance);
    span.events.iter_mut().for_each(|event| shift_time(&mut event.time_unix_nano, distance));
}

pub(crate) fn shift_log_record(record: &mut LogRecord, distance: i64) {
    shift_time(&mut record.time_unix_nano, distance);
    shift_time(&mut record.observed_time_unix_nano, distance);
}

fn shift_time(time: &mut u64, distance: i64) {
    if *time != 0 {
        *time = time.saturating_add_signed(distance);
    }
}

/// The requests of a file in order. `wrap` sees the bytes as they are read, for progress.
pub(crate) fn open<R: Read + 'static>(path: &Path, wrap: impl FnOnce(File) -> R) -> anyhow::Result<Requests> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    ensure!(!path.is_dir(), "{} is a directory: name the files in it, e.g. *.otlp.zst", path.display());
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let is_json = name.ends_with(".jsonl") || name.ends_with(".json");
    let input = wrap(file);
    if is_json {
        return Ok(Requests { name, format: Format::JsonLines(Box::new(BufReader::new(input))), frames: 0 });
    }
    Requests::frames(name, input).with_context(|| format!("cannot read {}", path.display()))
}

/// The requests of a pack in memory.
pub(crate) fn of_bytes(name: &str, bytes: &'static [u8]) -> anyhow::Result<Requests> {
    Requests::frames(name.to_owned(), bytes)
}

/// An iterator over requests; it ends after the first error.
pub(crate) struct Requests {
    name: String,
    format: Format,
    frames: u64,
}

enum Format {
    Frames(Box<dyn BufRead>),
    JsonLines(Box<dyn BufRead>),
    Ended,
}

impl Requests {
    fn frames(name: String, input: impl Read + 'static) -> anyhow::Result<Self> {
        let decoder = zstd::Decoder::new(input)?;
        Ok(Self { name, format: Format::Frames(Box::new(BufReader::new(decoder))), frames: 0 })
    }

    fn read(&mut self) -> anyhow::Result<Option<Request>> {
        match &mut self.format {
            Format::Frames(input) => match read_frame(input)? {
                Some(frame) => decode(&self.name, &frame).map(Some),
                None => Ok(None),
            },
            Format::JsonLines(input) => read_json_line(input),
            Format::Ended => Ok(None),
        }
    }
}

impl Iterator for Requests {
    type Item = anyhow::Result<Request>;

    fn next(&mut self) -> Option<Self::Item> {
        let request = self.read().with_context(|| format!("{}, request {}", self.name, self.frames + 1)).transpose();
        self.frames += 1;
        if !matches!(request, Some(Ok(_))) {
            self.format = Format::Ended;
        }
        request
    }
}

fn read_frame(input: &mut impl BufRead) -> anyhow::Result<Option<Vec<u8>>> {
    if input.fill_buf().context("not a zstd stream (a pack is *.otlp.zst, OTLP/JSON lines are *.jsonl)")?.is_empty() {
        return Ok(None);
    }
    let length = read_varint(input)?;
    ensure!(length <= FRAME_BYTES_MAX, "a frame of {length} bytes, at most {FRAME_BYTES_MAX} are read: damaged?");
    let mut frame = Vec::new();
    let read = input.take(length).read_to_end(&mut frame)?;
    ensure!(read as u64 == length, "the file ends within a frame ({read} of {length} bytes)");
    Ok(Some(frame))
}

fn read_varint(input: &mut impl Read) -> anyhow::Result<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let mut byte = [0];
        input.read_exact(&mut byte).context("the file ends within a frame's length")?;
        value |= u64::from(byte[0] & 0x7f) << shift;
        if byte[0] < 0x80 {
            return Ok(value);
        }
    }
    bail!("not the length of a frame");
}

/// The file name says the signal; a file that says nothing is tried as both. A log record read as a span fails, because
/// the types of their fields differ.
fn decode(name: &str, frame: &[u8]) -> anyhow::Result<Request> {
    let traces = || ExportTraceServiceRequest::decode(frame).map(Request::Traces);
    let logs = || ExportLogsServiceRequest::decode(frame).map(Request::Logs);
    let request = if name.contains(".traces.") {
        traces()
    } else if name.contains(".logs.") {
        logs()
    } else {
        traces().or_else(|_| logs())
    };
    request.context("neither an ExportTraceServiceRequest nor an ExportLogsServiceRequest")
}

fn read_json_line(input: &mut impl BufRead) -> anyhow::Result<Option<Request>> {
    loop {
        let mut line = Vec::new();
        let read = input.by_ref().take(FRAME_BYTES_MAX + 1).read_until(b'\n', &mut line)? as u64;
        ensure!(read <= FRAME_BYTES_MAX, "a line of more than {FRAME_BYTES_MAX} bytes");
        let line = line.trim_ascii();
        if read == 0 {
            return Ok(None);
        }
        if !line.is_empty() {
            return decode_json(line).map(Some);
        }
    }
}

fn decode_json(line: &[u8]) -> anyhow::Result<Request> {
    fn parse<T: DeserializeOwned>(json: serde_json::Value) -> anyhow::Result<T> {
        serde_json::from_value(json).context("not OTLP/JSON")
    }
    let json: serde_json::Value = serde_json::from_slice(line).context("not JSON")?;
    if json.get("resourceSpans").is_some() {
        return parse(json).map(Request::Traces);
    }
    ensure!(json.get("resourceLogs").is_some(), "neither resourceSpans nor resourceLogs");
    parse(json).map(Request::Logs)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proto::otlp::{ResourceSpans, ScopeSpans, span::Event};

    use super::*;

    fn traces(start: u64) -> Request {
        let event = Event { time_unix_nano: start + 5, ..Event::default() };
        let span = Span {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            start_time_unix_nano: start,
            end_time_unix_nano: start + 3,
            events: vec![event],
            ..Span::default()
        };
        let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
        let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
        Request::Traces(ExportTraceServiceRequest { resource_spans })
    }

    fn write_pack(path: &Path, requests: &[Request], cut: usize) {
        let mut stream = Vec::new();
        for request in requests {
            let bytes = request.encode();
            prost::encoding::encode_varint(bytes.len() as u64, &mut stream);
            stream.extend(bytes);
        }
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("encoder");
        encoder.write_all(&stream[..stream.len() - cut]).expect("in memory");
        std::fs::write(path, encoder.finish().expect("in memory")).expect("a file");
    }

    fn read(path: &Path) -> Vec<anyhow::Result<Request>> {
        open(path, |file| file).map_or_else(|error| vec![Err(error)], Iterator::collect)
    }

    #[test]
    fn a_pack_is_read_back_and_damage_is_said() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("x.otlp.zst");
        let requests = [traces(10), traces(20)];
        write_pack(&path, &requests, 0);
        let read_back: Vec<_> = read(&path).into_iter().map(|request| request.expect("whole")).collect();
        assert_eq!(read_back, requests);
        write_pack(&path, &requests, 1);
        let damaged = read(&path);
        assert_eq!(damaged.len(), 2);
        let error = format!("{:#}", damaged[1].as_ref().expect_err("cut"));
        assert!(error.contains("x.otlp.zst, request 2") && error.contains("ends within a frame"), "{error}");
        std::fs::write(&path, b"no zstd").expect("a file");
        let [Err(error)] = &read(&path)[..] else { panic!("no pack") };
        assert!(format!("{error:#}").contains("not a zstd stream (a pack is"), "{error:#}");
        let [Err(error)] = &read(dir.path())[..] else { panic!("a directory") };
        assert!(format!("{error:#}").contains("is a directory: name the files in it"), "{error:#}");
    }

    #[test]
    fn json_lines_are_read_by_what_they_hold() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("x.jsonl");
        let logs =
            r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"7","body":{"stringValue":"b"}}]}]}]}"#;
        std::fs::write(&path, format!("{{\"resourceSpans\":[]}}\n\n{logs}\nnonsense\n")).expect("a file");
        let read = read(&path);
        assert!(matches!(&read[..], [Ok(Request::Traces(_)), Ok(Request::Logs(_)), Err(_)]), "{read:?}");
        assert_eq!(read[1].as_ref().expect("logs").latest(), 7);
    }

    #[test]
    fn all_times_move_by_one_distance_and_unknown_ones_stay() {
        let mut request = traces(100);
        assert_eq!((request.latest(), request.items()), (105, 1));
        request.shift(-40);
        assert_eq!(request, traces(60));
        let mut record = LogRecord { observed_time_unix_nano: 9, ..LogRecord::default() };
        shift_log_record(&mut record, 10);
        assert_eq!((record.time_unix_nano, record.observed_time_unix_nano), (0, 19));
    }
}
