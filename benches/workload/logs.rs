//! Log records as OTLP: most belong to a trace that is under way.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};

use super::Plan;
use super::facts::{LogFacts, RecordSeen};
use super::landscape::{
    Landscape, PODS, int, pair, random_tenant, random_user, text, trace_id, user_id, user_of_trace,
};
use super::random::{Random, hex, ip, uuid};
use super::requests::{BATCH, Group, Request, Row, group};
use super::templates::{LAST_WORD, SEVERITIES, Severity, TEMPLATES, rare_word, rare_word_of};

/// Traces that log at the same time.
const UNDER_WAY: usize = 64;
const IN_TRACE: f64 = 0.6;
/// The next record of a trace comes from a service that is called.
const MOVES_ON: f64 = 0.3;
const SAMPLED: u32 = 1;

struct Logs<'a> {
    plan: Plan,
    landscape: &'a Landscape,
    random: Random,
    facts: LogFacts,
    made: u64,
    traces: u64,
    under_way: Vec<UnderWay>,
}

struct UnderWay {
    trace: u64,
    user: u64,
    service: usize,
    /// Records that will come.
    left: u64,
}

/// Where a record comes from.
struct Origin {
    service: usize,
    pod: usize,
    user: u64,
    trace: Option<u64>,
}

/// All requests of a plan, and the facts about them.
pub(crate) fn logs(plan: Plan, landscape: &Landscape) -> (Vec<Request>, LogFacts) {
    let mut logs = Logs {
        plan,
        landscape,
        random: Random::new(plan.seed ^ 0x1095),
        facts: LogFacts::new(plan, landscape),
        made: 0,
        traces: 0,
        under_way: Vec::new(),
    };
    let requests = std::iter::from_fn(|| logs.next_request()).collect();
    (requests, logs.facts)
}

impl Logs<'_> {
    fn next_request(&mut self) -> Option<Request> {
        let count = (self.plan.items - self.made).min(BATCH as u64) as usize;
        let rows: Vec<Row<LogRecord>> = (0..count).map(|_| self.next_row()).collect();
        let resource_logs = group(rows).into_iter().map(|group| resource_logs(self.landscape, group)).collect();
        (count > 0).then(|| Request::of(&ExportLogsServiceRequest { resource_logs }, count))
    }

    fn next_row(&mut self) -> Row<LogRecord> {
        let nth = self.made;
        self.made += 1;
        let origin = self.origin();
        let (template, severity) = self.template();
        let rare = rare_word_of(nth, self.plan.items);
        let mut body = self.body(TEMPLATES[template].1, &origin);
        if let Some(index) = rare {
            body.push(' ');
            body.push_str(&rare_word(index));
        }
        if self.made == self.plan.items {
            body.push(' ');
            body.push_str(LAST_WORD);
        }
        let time = self.plan.time_of(nth);
        let record = LogRecord {
            time_unix_nano: time,
            observed_time_unix_nano: time + 150_000,
            severity_number: severity.number(),
            severity_text: severity.text().to_owned(),
            body: Some(AnyValue { value: Some(text(body)) }),
            attributes: self.attributes(severity, &origin),
            trace_id: origin.trace.map_or_else(Vec::new, |trace| trace_id(self.plan.seed, trace).to_vec()),
            span_id: origin.trace.map_or_else(Vec::new, |_| (self.random.bits() | 1).to_be_bytes().to_vec()),
            flags: origin.trace.map_or(0, |_| SAMPLED),
            ..Default::default()
        };
        let Origin { service, pod, user, trace } = origin;
        let is_error = severity == Severity::Error;
        self.facts.count(&RecordSeen { time, service, is_error, user, template, rare, trace });
        let loggers = &self.landscape.services[service].loggers;
        let scope = loggers[self.random.zipf(loggers.len() as u64) as usize].clone();
        Row { service, pod, scope, item: record }
    }

    fn origin(&mut self) -> Origin {
        while self.under_way.len() < UNDER_WAY {
            let trace = self.traces;
            self.traces += 1;
            let service = self.random.index(self.landscape.services.len());
            let left = self.random.between(4, 17);
            self.under_way.push(UnderWay { trace, user: user_of_trace(self.plan.seed, trace), service, left });
        }
        let random = &mut self.random;
        let pod = random.index(PODS);
        if !random.chance(IN_TRACE) {
            let service = random.zipf(self.landscape.services.len() as u64) as usize;
            return Origin { service, pod, user: random_user(random), trace: None };
        }
        let at = random.index(UNDER_WAY);
        let current = &mut self.under_way[at];
        if random.chance(MOVES_ON) {
            current.service = self.landscape.callee(current.service, random);
        }
        let origin = Origin { service: current.service, pod, user: current.user, trace: Some(current.trace) };
        current.left -= 1;
        if current.left == 0 {
            self.under_way.swap_remove(at);
        }
        origin
    }

    /// Index of a template and its severity.
    fn template(&mut self) -> (usize, Severity) {
        let mut drawn = self.random.below(100);
        let mut first = 0;
        for (severity, share) in SEVERITIES {
            let count = TEMPLATES.iter().filter(|(of, _)| *of == severity).count();
            if drawn < share {
                let nth = match severity {
                    Severity::Info => self.random.zipf(count as u64) as usize,
                    _ => self.random.index(count),
                };
                return (first + nth, severity);
            }
            drawn -= share;
            first += count;
        }
        unreachable!("the shares add up to a hundred")
    }

    fn body(&mut self, template: &str, origin: &Origin) -> String {
        let mut body = String::with_capacity(220);
        for (nth, part) in template.split(['{', '}']).enumerate() {
            if nth % 2 == 0 {
                body.push_str(part);
            } else {
                self.push_value(&mut body, part, origin);
            }
        }
        body
    }

    fn push_value(&mut self, body: &mut String, place: &str, origin: &Origin) {
        let random = &mut self.random;
        let service = &self.landscape.services[origin.service];
        let mut number = |value: u64| body.push_str(&value.to_string());
        match place {
            "id" => number(random.between(100_000, 1_000_000)),
            "small" => number(random.below(100)),
            "ms" => number(random.zipf(6_000)),
            "bytes" => number(random.zipf(2_000_000)),
            "port" => number(random.between(30_000, 60_000)),
            "ip" => body.push_str(&ip(random)),
            "uuid" => body.push_str(&uuid(random)),
            "hex" => body.push_str(&hex(&random.bits().to_be_bytes()[..4])),
            "word" => body.push_str(self.landscape.word(random)),
            "noun" => body.push_str(service.noun),
            "user" => body.push_str(&user_id(origin.user)),
            "function" => body.push_str(&random.pick(&service.operations).function),
            "pod" => body.push_str(&format!("{}-{}", service.name, origin.pod)),
            other => unreachable!("no value for {other}"),
        }
    }

    fn attributes(&mut self, severity: Severity, origin: &Origin) -> Vec<KeyValue> {
        let random = &mut self.random;
        let service = &self.landscape.services[origin.service];
        let sixth = match severity {
            Severity::Warn | Severity::Error => {
                let types = ["timeout", "refused", "energy.volta.GridFault", "energy.volta.LeaseLost", "bounced"];
                pair("error.type", text(*random.pick(&types)))
            }
            Severity::Debug | Severity::Info => pair("elapsed_ms", int(random.zipf(30_000))),
        };
        vec![
            pair("code.function.name", text(random.pick(&service.operations).function.as_str())),
            pair("thread.name", text(format!("pool-1-thread-{}", random.below(64)))),
            pair("user.id", text(user_id(origin.user))),
            pair("request.id", text(uuid(random))),
            pair("tenant.id", text(random_tenant(random))),
            sixth,
        ]
    }
}

fn resource_logs(landscape: &Landscape, group: Group<LogRecord>) -> ResourceLogs {
    let scope_logs = group.scopes.into_iter();
    ResourceLogs {
        resource: Some(landscape.resource(group.service, group.pod).clone()),
        scope_logs: scope_logs
            .map(|(scope, log_records)| ScopeLogs { scope: Some(scope), log_records, ..Default::default() })
            .collect(),
        ..Default::default()
    }
}
