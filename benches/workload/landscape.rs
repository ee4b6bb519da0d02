//! The simulated company, a supplier of electricity: services and who calls whom, pods, users, words.

use std::collections::HashSet;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::random::{Random, uuid};
use super::templates;
use super::{Plan, VALUES};

pub(crate) const PODS: usize = 4;
pub(crate) const USERS: u64 = 50_000;
/// This part of the users does half of everything.
const BUSY_USERS: u64 = USERS / 20;
const WORDS: usize = 4_000;
const TENANTS: u64 = 250;

/// Name, what it is about, language, namespace. The first [`ENTRIES`] are called from outside.
const SERVICES: [(&str, &str, &str, &str); 30] = [
    ("portal-web", "dashboard", "nodejs", "front"),
    ("portal-mobile", "widget", "nodejs", "front"),
    ("partner-gateway", "grant", "go", "front"),
    ("identity", "credential", "go", "front"),
    ("customers", "household", "java", "accounts"),
    ("contracts", "contract", "java", "accounts"),
    ("tariffs", "tariff", "java", "accounts"),
    ("meters", "meter", "go", "metering"),
    ("meter-readings", "reading", "go", "metering"),
    ("load-forecast", "forecast", "python", "trading"),
    ("spot-prices", "quote", "go", "trading"),
    ("invoices", "invoice", "java", "billing"),
    ("ledger", "posting", "java", "billing"),
    ("dunning", "reminder", "dotnet", "billing"),
    ("refunds", "refund", "dotnet", "billing"),
    ("outages", "outage", "go", "grid"),
    ("dispatching", "mission", "java", "grid"),
    ("field-crews", "crew", "nodejs", "grid"),
    ("substations", "transformer", "java", "grid"),
    ("inspections", "inspection", "python", "grid"),
    ("weather", "observation", "python", "trading"),
    ("grid-state", "feeder", "go", "grid"),
    ("switching", "breaker", "go", "grid"),
    ("charging-points", "charger", "dotnet", "mobility"),
    ("charging-sessions", "plug", "go", "mobility"),
    ("roaming", "voucher", "java", "mobility"),
    ("notices", "notice", "nodejs", "accounts"),
    ("documents", "document", "java", "accounts"),
    ("archive", "record", "java", "platform"),
    ("night-batch", "batch", "go", "platform"),
];
const ENTRIES: usize = 3;
/// Service that everyone may call.
const COMMON_CALLEE: usize = 28;

/// Method, behind the collection's path, verb of the function.
const OPERATIONS: [(&str, &str, &str); 7] = [
    ("GET", "/{id}", "find"),
    ("GET", "", "search"),
    ("POST", "", "register"),
    ("PATCH", "/{id}", "amend"),
    ("DELETE", "/{id}", "retire"),
    ("POST", "/{id}/approval", "approve"),
    ("GET", "/{id}/history/{id}", "historyOf"),
];
pub(crate) const OPERATION_COUNT: usize = OPERATIONS.len();

pub(crate) struct Operation {
    pub(crate) method: &'static str,
    pub(crate) route: String,
    pub(crate) span_name: String,
    pub(crate) function: String,
}

impl Operation {
    /// The route with numbers for its parameters.
    pub(crate) fn path(&self, random: &mut Random) -> String {
        let mut parts = self.route.split("{id}");
        let mut path = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            path.push_str(&random.between(100_000, 1_000_000).to_string());
            path.push_str(part);
        }
        path
    }
}

pub(crate) struct Service {
    pub(crate) name: &'static str,
    /// What it is about, in the singular.
    pub(crate) noun: &'static str,
    pub(crate) database: &'static str,
    pub(crate) operations: Vec<Operation>,
    pub(crate) calls: Vec<usize>,
    pub(crate) loggers: Vec<String>,
}

pub(crate) struct Landscape {
    pub(crate) services: Vec<Service>,
    resources: Vec<Resource>,
    words: Vec<String>,
    pub(crate) agents: Vec<String>,
}

impl Landscape {
    pub(crate) fn new() -> Self {
        let mut random = Random::new(1882);
        let services = (0..SERVICES.len()).map(|at| service(at, &mut random)).collect();
        let pods = (0..SERVICES.len()).flat_map(|service| (0..PODS).map(move |pod| (service, pod)));
        let resources = pods.map(|(service, pod)| resource(service, pod, &mut random)).collect();
        let words = words(&mut random);
        let agents = (0..40).map(|_| agent(&mut random)).collect();
        Self { services, resources, words, agents }
    }

    /// A service that is called from outside.
    pub(crate) fn entry(&self, random: &mut Random) -> usize {
        // One in eight traces is started by the clock.
        if random.chance(0.125) { SERVICES.len() - 1 } else { random.index(ENTRIES) }
    }

    pub(crate) fn callee(&self, of: usize, random: &mut Random) -> usize {
        *random.pick(&self.services[of].calls)
    }

    pub(crate) fn resource(&self, service: usize, pod: usize) -> &Resource {
        &self.resources[service * PODS + pod]
    }

    /// A word of the vocabulary, the first ones much more often.
    pub(crate) fn word(&self, random: &mut Random) -> &str {
        &self.words[random.zipf(WORDS as u64) as usize]
    }
}

fn service(at: usize, random: &mut Random) -> Service {
    let (name, noun, ..) = SERVICES[at];
    let class = capitalized(noun);
    let operation = |(method, tail, verb): (&'static str, &str, &str)| {
        let route = format!("/v{}/{noun}s{tail}", 1 + at % 2);
        let (span_name, function) = (format!("{method} {route}"), format!("{class}Facade.{verb}"));
        Operation { method, route, span_name, function }
    };
    let last = SERVICES.len() - 1;
    let callee = |random: &mut Random| match at {
        // Those that are called from outside and by the clock call anyone, the others only later ones.
        entry if entry < ENTRIES || entry == last => random.between(ENTRIES as u64, last as u64) as usize,
        inner if inner < COMMON_CALLEE => random.between(inner as u64 + 1, last as u64) as usize,
        _ => COMMON_CALLEE,
    };
    Service {
        name,
        noun,
        database: ["postgresql", "mariadb", "cassandra"][at % 3],
        operations: OPERATIONS.into_iter().map(operation).collect(),
        calls: (0..3 + at % 3).map(|_| callee(random)).collect(),
        loggers: ["Facade", "Store", "Mapper", "Probe", "Scheduler"]
            .iter()
            .map(|suffix| format!("energy.volta.{noun}.{class}{suffix}"))
            .collect(),
    }
}

fn resource(service: usize, pod: usize, random: &mut Random) -> Resource {
    let (name, _, language, namespace) = SERVICES[service];
    // The hash of the replica set is the same for all pods.
    let replica_set = letters(&mut Random::of(7, service as u64), 9);
    let pod_name = format!("{name}-{replica_set}-{}", letters(random, 5));
    let node = random.below(12);
    let attributes = vec![
        pair("service.name", text(name)),
        pair("service.namespace", text(namespace)),
        pair("service.version", text(format!("{}.{}.{}", 1 + service % 5, service * 7 % 31, service % 4))),
        pair("service.instance.id", text(uuid(random))),
        pair("k8s.cluster.name", text("volta-north-1")),
        pair("k8s.namespace.name", text(namespace)),
        pair("k8s.deployment.name", text(name)),
        pair("k8s.pod.name", text(pod_name.as_str())),
        pair("k8s.node.name", text(format!("worker-{node:02}.nodes.volta.internal"))),
        pair("host.name", text(pod_name)),
        pair("cloud.region", text("north-1")),
        pair("cloud.availability_zone", text(format!("north-1{}", ["a", "b", "c"][pod % 3]))),
        pair("deployment.environment.name", text("production")),
        pair("telemetry.sdk.language", text(language)),
        pair("telemetry.sdk.name", text("opentelemetry")),
        pair("telemetry.sdk.version", text("1.42.0")),
    ];
    Resource { attributes, ..Default::default() }
}

fn agent(random: &mut Random) -> String {
    let version = random.between(118, 146);
    match random.below(3) {
        0 => format!(
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 Safari/537.36"
        ),
        1 => {
            format!("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:{version}.0) Gecko/20100101 Firefox/{version}.0")
        }
        _ => format!("VoltaHome/{}.{} (Android 1{}; build {version})", version % 9, version % 20, version % 6),
    }
}

/// Pronounceable words, none of which a template or a noun has: what a question asks for must come from where the
/// facts count it.
fn words(random: &mut Random) -> Vec<String> {
    const HEADS: [&str; 14] = ["b", "ch", "d", "f", "g", "h", "j", "k", "l", "m", "p", "qu", "v", "z"];
    const VOWELS: [&str; 7] = ["a", "e", "i", "o", "u", "ai", "oe"];
    const TAILS: [&str; 6] = ["", "x", "rk", "lt", "n", "sp"];
    let mut taken: HashSet<String> = templates::reserved_words().collect();
    taken.extend(SERVICES.iter().flat_map(|(name, noun, ..)| [(*name).to_owned(), (*noun).to_owned()]));
    let mut words = Vec::with_capacity(WORDS);
    while words.len() < WORDS {
        let mut word = String::new();
        for _ in 0..random.between(2, 4) {
            word += *random.pick(&HEADS);
            word += *random.pick(&VOWELS);
        }
        word += *random.pick(&TAILS);
        if taken.insert(word.clone()) {
            words.push(word);
        }
    }
    words
}

fn letters(random: &mut Random, count: usize) -> String {
    (0..count).map(|_| char::from(*random.pick(b"bcdfghjkmnpqrstvwxz2456789"))).collect()
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The id of the `nth` trace of a seed: the log records of a seed name traces among its spans.
pub(crate) fn trace_id(seed: u64, nth: u64) -> [u8; 16] {
    let mut random = Random::of(seed ^ 0x7ace, nth);
    ((u128::from(random.bits()) << 64) | u128::from(random.bits()) | 1).to_be_bytes()
}

/// The number of the user for whom the `nth` trace of a seed is made.
pub(crate) fn user_of_trace(seed: u64, nth: u64) -> u64 {
    let mut random = Random::of(seed ^ 0x05e2, nth);
    random_user(&mut random)
}

pub(crate) fn random_user(random: &mut Random) -> u64 {
    let among = if random.chance(0.5) { BUSY_USERS } else { USERS };
    random.below(among)
}

/// The users that the questions are about: those of some traces that there are for sure, half of them busy ones.
pub(crate) fn asked_users(plan: Plan) -> impl Iterator<Item = u64> {
    // There is a trace for 27 spans, and one for 17 log records.
    let apart = plan.items / (30 * VALUES as u64);
    (0..VALUES as u64).map(move |nth| user_of_trace(plan.seed, nth * apart))
}

pub(crate) fn user_id(number: u64) -> String {
    format!("acct-{number:05}")
}

pub(crate) fn random_tenant(random: &mut Random) -> String {
    format!("city-{:03}", random.zipf(TENANTS))
}

pub(crate) fn text(value: impl Into<String>) -> Value {
    Value::StringValue(value.into())
}

pub(crate) fn int(value: u64) -> Value {
    Value::IntValue(value.cast_signed())
}

pub(crate) fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..Default::default() }
}
