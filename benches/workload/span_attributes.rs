//! Names and attributes of spans, with the keys of the semantic conventions.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;

use super::landscape::{Landscape, Service, int, pair, random_tenant, text};
use super::random::{Random, uuid};
use super::trees::{Node, Work};

/// What the spans of one trace have in common.
pub(crate) struct TraceContext {
    pub(crate) trace_id: [u8; 16],
    pub(crate) user: u64,
    pub(crate) user_id: String,
    pub(crate) session: String,
    pub(crate) client: String,
    pub(crate) agent: usize,
}

/// Whether spans of this kind carry the id of the trace's user.
pub(crate) fn has_user(work: Work) -> bool {
    !matches!(work, Work::Query | Work::Cache)
}

pub(crate) fn name_and_attributes(
    landscape: &Landscape,
    node: &Node,
    context: &TraceContext,
    random: &mut Random,
) -> (String, Vec<KeyValue>) {
    let (service, peer) = (&landscape.services[node.service], &landscape.services[node.peer]);
    match node.work {
        Work::Server => server(node, service, &landscape.agents[context.agent], context, random),
        Work::Client => client(node, peer, context, random),
        Work::Query => query(node, service, context, random),
        Work::Cache => cache(service, random),
        Work::Send | Work::Receive => message(node, peer, service, context, random),
        Work::Internal => internal(service, context, random),
    }
}

fn thread(random: &mut Random) -> KeyValue {
    pair("thread.name", text(format!("pool-2-thread-{}", random.below(64))))
}

fn server(
    node: &Node,
    service: &Service,
    agent: &str,
    context: &TraceContext,
    random: &mut Random,
) -> (String, Vec<KeyValue>) {
    let operation = &service.operations[node.choice];
    let attributes = vec![
        pair("http.request.method", text(operation.method)),
        pair("http.route", text(operation.route.as_str())),
        pair("url.path", text(operation.path(random))),
        pair("url.scheme", text("http")),
        pair("http.response.status_code", int(node.http_status)),
        pair("server.address", text(service.name)),
        pair("server.port", int(8443)),
        pair("client.address", text(context.client.as_str())),
        pair("user_agent.original", text(agent)),
        pair("network.protocol.version", text("2")),
        pair("user.id", text(context.user_id.as_str())),
        pair("session.id", text(context.session.as_str())),
        thread(random),
    ];
    (operation.span_name.clone(), attributes)
}

fn client(node: &Node, peer: &Service, context: &TraceContext, random: &mut Random) -> (String, Vec<KeyValue>) {
    let operation = &peer.operations[node.choice];
    let host = format!("{}.svc.volta.internal", peer.name);
    let mut url = format!("https://{host}:8443{}", operation.path(random));
    if random.chance(0.4) {
        url.push_str(&format!("?offset={}&correlation={}", random.below(40), random.below(1 << 40)));
    }
    let attributes = vec![
        pair("http.request.method", text(operation.method)),
        pair("url.full", text(url)),
        pair("http.response.status_code", int(node.http_status)),
        pair("server.address", text(host)),
        pair("server.port", int(8443)),
        pair("network.peer.address", text(format!("10.8.{}.{}", node.peer, 20 + random.below(4)))),
        pair("network.protocol.version", text("2")),
        pair("http.request.body.size", int(random.zipf(30_000))),
        pair("http.response.body.size", int(random.zipf(250_000))),
        pair("user.id", text(context.user_id.as_str())),
        thread(random),
    ];
    (operation.method.to_owned(), attributes)
}

fn query(node: &Node, service: &Service, context: &TraceContext, random: &mut Random) -> (String, Vec<KeyValue>) {
    let (noun, user) = (service.noun, &context.user_id);
    let table = format!("{noun}_v2");
    let id = random.between(100_000, 1_000_000);
    let (verb, statement) = match node.choice {
        0 => ("SELECT", format!("SELECT * FROM {table} WHERE {noun}_id = {id}")),
        1 => (
            "SELECT",
            format!(
                "SELECT {noun}_id, state, changed_at FROM {table} WHERE account = '{user}' AND state <> 'CLOSED' \
                 ORDER BY changed_at DESC LIMIT 40"
            ),
        ),
        2 => ("UPDATE", format!("UPDATE {table} SET state = 'ACTIVE', revision = {} WHERE {noun}_id = {id}", id % 23)),
        3 => (
            "INSERT",
            format!(
                "INSERT INTO {table} ({noun}_id, account, state, document, changed_at) VALUES ({id}, '{user}', 'NEW', \
                 $1, now())"
            ),
        ),
        4 => (
            "SELECT",
            format!(
                "SELECT sum(p.amount) FROM {table} t JOIN {noun}_part p USING ({noun}_id) WHERE t.{noun}_id = {id}"
            ),
        ),
        _ => ("DELETE", format!("DELETE FROM {noun}_part WHERE {noun}_id = {id}")),
    };
    let attributes = vec![
        pair("db.system.name", text(service.database)),
        pair("db.namespace", text(noun)),
        pair("db.operation.name", text(verb)),
        pair("db.collection.name", text(table.as_str())),
        pair("db.query.text", text(statement)),
        pair("db.client.connection.pool.name", text(format!("{noun}-connections"))),
        pair("db.response.returned_rows", int(random.zipf(150))),
        pair("server.address", text(format!("{noun}-db.volta.internal"))),
        pair("server.port", int(5432)),
        pair("network.peer.address", text(format!("10.9.0.{}", node.service))),
        pair("volta.db.user", text(format!("app_{noun}"))),
        thread(random),
    ];
    (format!("{verb} {table}"), attributes)
}

fn cache(service: &Service, random: &mut Random) -> (String, Vec<KeyValue>) {
    let verb = *random.pick(&["GET", "GET", "GET", "SETEX", "DEL"]);
    let key = format!("{verb} {}/{}", service.noun, random.below(900_000));
    let attributes = vec![
        pair("db.system.name", text("valkey")),
        pair("db.operation.name", text(verb)),
        pair("db.query.text", text(key)),
        pair("db.namespace", text(random.below(4).to_string())),
        pair("server.address", text("valkey-main.volta.internal")),
        pair("server.port", int(6379)),
        pair("network.peer.address", text(format!("10.9.4.{}", random.below(3)))),
        pair("volta.cache.hit", Value::BoolValue(random.chance(0.85))),
        thread(random),
    ];
    (verb.to_owned(), attributes)
}

fn message(
    node: &Node,
    sender: &Service,
    service: &Service,
    context: &TraceContext,
    random: &mut Random,
) -> (String, Vec<KeyValue>) {
    let topic = format!("{}.{}", sender.noun, ["opened", "changed", "closed"][node.choice % 3]);
    let verb = if node.work == Work::Send { "send" } else { "process" };
    let mut attributes = vec![
        pair("messaging.system", text("kafka")),
        pair("messaging.destination.name", text(topic.as_str())),
        pair("messaging.operation.type", text(verb)),
        pair("messaging.destination.partition.id", text(random.below(24).to_string())),
        pair("messaging.message.id", text(uuid(random))),
        pair("messaging.kafka.offset", int(random.below(1 << 34))),
        pair("messaging.message.body.size", int(random.zipf(9_000))),
        pair("messaging.client.id", text(format!("{}-{}", service.noun, node.pod))),
        pair("server.address", text(format!("broker-{}.volta.internal", random.below(5)))),
        pair("server.port", int(9092)),
        pair("user.id", text(context.user_id.as_str())),
    ];
    if node.work == Work::Receive {
        attributes.push(pair("messaging.consumer.group.name", text(format!("{}-readers", service.noun))));
    }
    (format!("{verb} {topic}"), attributes)
}

fn internal(service: &Service, context: &TraceContext, random: &mut Random) -> (String, Vec<KeyValue>) {
    let function = &random.pick(&service.operations).function;
    let score = (random.unit() * 1_000.0).round() / 1_000.0;
    let attributes = vec![
        pair("code.function.name", text(function.as_str())),
        pair("code.file.path", text(format!("app/{}/{function}.kt", service.noun))),
        pair("code.line.number", int(random.between(15, 870))),
        pair("thread.id", int(random.below(64))),
        thread(random),
        pair("user.id", text(context.user_id.as_str())),
        pair("tenant.id", text(random_tenant(random))),
        pair("volta.items", int(random.zipf(400))),
        pair("volta.score", Value::DoubleValue(score)),
        pair("volta.is_estimate", Value::BoolValue(random.chance(0.3))),
    ];
    (function.clone(), attributes)
}
