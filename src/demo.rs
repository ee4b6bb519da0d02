//! `serve --demo`: recorded traffic through the real OTLP port, then a trickle of it for as long as the server runs.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use proto::otlp::any_value::Value;
use proto::otlp::{
    ExportLogsServiceRequest, ExportTraceServiceRequest, LogRecord, ResourceLogs, ResourceSpans, ScopeLogs, ScopeSpans,
    Span,
};
use uuid::Uuid;

use crate::otlp_client::OtlpClient;
use crate::pack::{self, Request};
use crate::replay::unix_nanos_now;

/// One fault window of the Train Ticket system: 105 traces of 24 services, 45 of them failing (see tests/data).
const TRACES: &[u8] = include_bytes!("../tests/data/ci-trainticket/ci-trainticket.traces.otlp.zst");
const LOGS: &[u8] = include_bytes!("../tests/data/ci-trainticket/ci-trainticket.logs.otlp.zst");

/// One trace of the trickle.
const INTERVAL: Duration = Duration::from_millis(350);

/// The sending thread; dropping it without [`Demo::stop`] leaves it to end with the process.
pub(crate) struct Demo {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Demo {
    pub(crate) fn start(otlp_http: SocketAddr) -> anyhow::Result<Self> {
        let (stop, stopped) = channel();
        let client = OtlpClient::new(&format!("http://{otlp_http}"))?;
        let thread = std::thread::Builder::new().name("demo".to_owned()).spawn(move || {
            if let Err(error) = run(&client, &stopped) {
                tracing::warn!("the demo traffic ended: {error:#}");
            }
        })?;
        Ok(Self { stop, thread })
    }

    /// Waits for the request that is being sent.
    pub(crate) fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::warn!("the demo traffic ended with a panic");
        }
    }
}

fn run(client: &OtlpClient, stopped: &Receiver<()>) -> anyhow::Result<()> {
    let mut recording = Vec::new();
    for (name, bytes) in [("demo.traces.otlp.zst", TRACES), ("demo.logs.otlp.zst", LOGS)] {
        for request in pack::of_bytes(name, bytes)? {
            recording.push(request?);
        }
    }
    let stories = stories(&recording);
    let distance = unix_nanos_now() - recording.iter().map(|request| request.latest() as i64).max().unwrap_or(0);
    for mut request in recording {
        request.shift(distance);
        client.send(&request, || !is_stopped(stopped, Duration::ZERO))?;
        if is_stopped(stopped, Duration::ZERO) {
            return Ok(());
        }
    }
    tracing::info!(traces = stories.len(), "demo: the recorded traffic has been sent, more follows every {INTERVAL:?}");
    for story in stories.iter().cycle() {
        if is_stopped(stopped, INTERVAL) {
            return Ok(());
        }
        for request in story.retold() {
            if let Err(error) = client.send(&request, || false) {
                tracing::debug!("demo: {error:#}");
            }
        }
    }
    Ok(())
}

/// Waits for up to `wait`. A stop is that the other end is gone, so it stays one.
fn is_stopped(stopped: &Receiver<()>, wait: Duration) -> bool {
    !matches!(stopped.recv_timeout(wait), Err(RecvTimeoutError::Timeout))
}

/// One recorded trace with its log records.
#[derive(Clone, Debug, Default)]
struct Story {
    traces: ExportTraceServiceRequest,
    logs: ExportLogsServiceRequest,
}

/// In the order of the recording.
fn stories(recording: &[Request]) -> Vec<Story> {
    let mut stories: Vec<Story> = Vec::new();
    let mut index_of: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut index = |trace_id: &[u8], stories: &mut Vec<Story>| {
        *index_of.entry(trace_id.to_vec()).or_insert_with(|| {
            stories.push(Story::default());
            stories.len() - 1
        })
    };
    for request in recording {
        match request {
            Request::Traces(request) => {
                for resource in &request.resource_spans {
                    for scope in &resource.scope_spans {
                        for span in &scope.spans {
                            let at = index(&span.trace_id, &mut stories);
                            stories[at].add_span(resource, scope, span);
                        }
                    }
                }
            }
            Request::Logs(request) => {
                for resource in &request.resource_logs {
                    for scope in &resource.scope_logs {
                        for record in &scope.log_records {
                            let at = index(&record.trace_id, &mut stories);
                            stories[at].add_log_record(resource, scope, record);
                        }
                    }
                }
            }
        }
    }
    stories
}

impl Story {
    fn add_span(&mut self, resource: &ResourceSpans, scope: &ScopeSpans, span: &Span) {
        let known = self.traces.resource_spans.iter_mut().find(|known| known.resource == resource.resource);
        if let Some(scope) = known.and_then(|known| known.scope_spans.first_mut()) {
            return scope.spans.push(span.clone());
        }
        let scope = ScopeSpans { spans: vec![span.clone()], ..scope.clone() };
        self.traces.resource_spans.push(ResourceSpans { scope_spans: vec![scope], ..resource.clone() });
    }

    fn add_log_record(&mut self, resource: &ResourceLogs, scope: &ScopeLogs, record: &LogRecord) {
        let known = self.logs.resource_logs.iter_mut().find(|known| known.resource == resource.resource);
        if let Some(scope) = known.and_then(|known| known.scope_logs.first_mut()) {
            return scope.log_records.push(record.clone());
        }
        let scope = ScopeLogs { log_records: vec![record.clone()], ..scope.clone() };
        self.logs.resource_logs.push(ResourceLogs { scope_logs: vec![scope], ..resource.clone() });
    }

    /// The same trace once more: new ids, and its last span ends now.
    fn retold(&self) -> [Request; 2] {
        let mut traces = Request::Traces(self.traces.clone());
        let mut logs = Request::Logs(self.logs.clone());
        let ids = NewIds::random();
        if let Request::Traces(request) = &mut traces {
            let scopes = request.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
            scopes.flat_map(|scope| &mut scope.spans).for_each(|span| ids.rename_span(span));
        }
        if let Request::Logs(request) = &mut logs {
            let scopes = request.resource_logs.iter_mut().flat_map(|resource| &mut resource.scope_logs);
            scopes.flat_map(|scope| &mut scope.log_records).for_each(|record| ids.rename_log_record(record));
        }
        let distance = unix_nanos_now() - traces.latest().max(logs.latest()) as i64;
        traces.shift(distance);
        logs.shift(distance);
        [traces, logs]
    }
}

/// New ids for one trace. Span ids are masked, so that parents are found without a table.
struct NewIds {
    trace_id: [u8; 16],
    span_mask: [u8; 8],
}

impl NewIds {
    fn random() -> Self {
        let mut span_mask = [0; 8];
        span_mask.copy_from_slice(&Uuid::new_v4().as_bytes()[..8]);
        Self { trace_id: *Uuid::new_v4().as_bytes(), span_mask }
    }

    fn span_id(&self, id: &[u8]) -> Vec<u8> {
        id.iter().zip(self.span_mask).map(|(byte, mask)| byte ^ mask).collect()
    }

    fn rename_span(&self, span: &mut Span) {
        span.trace_id = self.trace_id.to_vec();
        span.span_id = self.span_id(&span.span_id);
        span.parent_span_id = self.span_id(&span.parent_span_id);
    }

    /// The services wrote the ids into their lines as well.
    fn rename_log_record(&self, record: &mut LogRecord) {
        let span_id = self.span_id(&record.span_id);
        if let Some(Value::StringValue(text)) = record.body.as_mut().and_then(|body| body.value.as_mut()) {
            for (old, new) in [(&record.trace_id[..], &self.trace_id[..]), (&record.span_id, &span_id)] {
                if !old.is_empty() {
                    *text = text.replace(&const_hex::encode(old), &const_hex::encode(new));
                }
            }
        }
        record.trace_id = self.trace_id.to_vec();
        record.span_id = span_id;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_trace_is_retold_whole_under_new_ids_and_at_the_present() {
        let mut recording = Vec::new();
        for (name, bytes) in [("x.traces.otlp.zst", TRACES), ("x.logs.otlp.zst", LOGS)] {
            recording.extend(pack::of_bytes(name, bytes).expect("a pack").map(|request| request.expect("whole")));
        }
        let stories = stories(&recording);
        assert_eq!(stories.len(), 105);
        let before = unix_nanos_now();
        let [traces, logs] = stories[0].retold();
        let old = Request::Traces(stories[0].traces.clone());
        assert_eq!(traces.spans().count(), old.spans().count());
        let trace_ids: HashSet<_> = traces.spans().map(|span| &span.trace_id).collect();
        assert_eq!(trace_ids.len(), 1);
        assert!(old.spans().all(|span| !trace_ids.contains(&span.trace_id)));
        let span_ids: HashSet<_> = traces.spans().map(|span| &span.span_id).collect();
        let mut parents = traces.spans().map(|span| &span.parent_span_id).filter(|parent| !parent.is_empty());
        assert!(parents.all(|parent| span_ids.contains(parent)), "every parent is there under its new id");
        assert!(logs.log_records().count() > 0);
        assert!(logs.log_records().all(|record| span_ids.contains(&record.span_id)));
        let latest = traces.latest().max(logs.latest()) as i64;
        assert!((before..=unix_nanos_now()).contains(&latest));
    }
}
