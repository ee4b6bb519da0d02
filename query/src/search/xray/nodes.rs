//! `service()` and `edge()`: nodes of the service map.

use super::conditions::{either, exists, folded, has, is, leaf};
use super::{Part, Read, Reader, Scope, Side};
use crate::search::place::Cause;
use crate::search::syntax::{Condition, Test, Tree, Value};
use crate::search::trace_syntax::{Relation, TraceLeaf};

/// Types of services that send spans, by the platform that their resource names (`cloud.platform`).
const PLATFORMS: [(&str, &str); 8] = [
    ("AWS::AppRunner::Service", "aws_app_runner"),
    ("AWS::EC2::Instance", "aws_ec2"),
    ("AWS::ECS::Container", "aws_ecs"),
    ("AWS::ECS::Fargate", "aws_ecs"),
    ("AWS::EKS::Container", "aws_eks"),
    ("AWS::ElasticBeanstalk::Environment", "aws_elastic_beanstalk"),
    ("AWS::Lambda", "aws_lambda"),
    ("AWS::Lambda::Function", "aws_lambda"),
];
/// Types of what is called and sends no spans.
const CALLEES: [&str; 9] = [
    "AWS::DynamoDB",
    "AWS::DynamoDB::Table",
    "AWS::SNS",
    "AWS::SQS",
    "AWS::SQS::Queue",
    "Database::SQL",
    "database",
    "queue",
    "remote",
];
const SYSTEMS: [&str; 2] = ["db.system.name", "db.system"];

/// Attributes of a call that name the callee.
pub(super) fn callee_named() -> [&'static str; 7] {
    [
        "peer.service",
        "server.address",
        "db.namespace",
        "db.system.name",
        "db.system",
        "messaging.destination.name",
        "messaging.system",
    ]
}

pub(super) fn any_key(keys: &[&str], test: &Test) -> Condition {
    Tree::or(keys.iter().map(|key| leaf(key, test.clone())).collect())
}

/// Of a span that a service of this type sent, or that calls one; of the other kind, nothing. `None`: an unknown type.
pub(super) fn service_type(name: &str, side: Side) -> Option<Condition> {
    let platform = PLATFORMS.iter().find(|(known, _)| *known == name).map(|(_, platform)| *platform);
    if platform.is_none() && !CALLEES.contains(&name) {
        return None;
    }
    let nothing = || Tree::Or(Vec::new());
    Some(match (side, platform) {
        (Side::Sends, Some(platform)) if name.ends_with("::Fargate") => {
            Tree::and(vec![has("cloud.platform", platform), has("aws.ecs.launchtype", "fargate")])
        }
        (Side::Sends, Some(platform)) => has("cloud.platform", platform),
        (Side::Sends, None) | (Side::Inferred, Some(_)) => nothing(),
        (Side::Inferred, None) => match name {
            "AWS::DynamoDB" | "AWS::DynamoDB::Table" => {
                let named = |name: &str| Test::Has(Value::Bare(name.to_owned()));
                Tree::or(vec![any_key(&SYSTEMS, &named("aws.dynamodb")), any_key(&SYSTEMS, &named("dynamodb"))])
            }
            "AWS::SNS" => has("messaging.system", "aws.sns"),
            "AWS::SQS" | "AWS::SQS::Queue" => has("messaging.system", "aws_sqs"),
            "Database::SQL" | "database" => any_key(&SYSTEMS, &Test::Exists),
            "queue" => exists("messaging.system"),
            _ => Tree::and(vec![
                any_key(&["peer.service", "server.address"], &Test::Exists),
                any_key(&[SYSTEMS[0], SYSTEMS[1], "messaging.system"], &Test::Exists).not(),
            ]),
        },
    })
}

/// What stands in the parentheses of `service()`, and each of `edge()`.
#[derive(Default)]
struct Name {
    name: Option<String>,
    type_name: Option<String>,
    account: Option<String>,
}

impl Name {
    /// Of a span that the service sent, or that calls it. Types are known ones.
    fn condition(&self, side: Side) -> Vec<Condition> {
        let mut parts = Vec::new();
        if let Some(name) = &self.name {
            parts.push(match side {
                Side::Sends => is("service", name.as_str()),
                Side::Inferred => any_key(&callee_named(), &Test::Has(Value::Quoted(name.clone()))),
            });
        }
        parts.extend(self.type_name.iter().filter_map(|name| service_type(name, side)));
        // The account of the caller is not that of whom it calls.
        parts.extend(self.account.iter().map(|account| match side {
            Side::Sends => is("cloud.account.id", account.as_str()),
            Side::Inferred => Tree::Or(Vec::new()),
        }));
        parts
    }
}

impl Reader {
    pub(super) fn unknown_type<T>(&mut self, start: usize, name: &str) -> Read<T> {
        let known: Vec<&str> = PLATFORMS.iter().map(|(name, _)| *name).chain(CALLEES).collect();
        let message = format!("no attribute says that something is of type {name:?}");
        self.wrong(start, message, format!("types are {}", known.join(", ")))
    }

    /// `"name"` or `id(name: "name", type: "type", account.id: "id")`.
    fn name(&mut self, start: usize) -> Read<Name> {
        if !self.keyword("id") {
            return Ok(Name { name: Some(self.string(start)?), ..Name::default() });
        }
        let hint = "write id(name: \"x\", type: \"AWS::Lambda::Function\", account.id: \"123456789012\")";
        if !self.sign("(") {
            return self.wrong(start, "id needs parentheses", hint);
        }
        let mut name = Name::default();
        while !self.sign(")") {
            self.blanks();
            let part_start = self.at;
            let part = self.word().to_ascii_lowercase();
            if part.is_empty() || !self.sign(":") {
                return self.wrong(start, "id( is not closed", hint);
            }
            let text = self.string(start)?;
            match part.as_str() {
                "name" => name.name = Some(text),
                "account.id" => name.account = Some(text),
                "type" => {
                    if service_type(&text, Side::Sends).is_none() {
                        return self.unknown_type(part_start, &text);
                    }
                    self.asks_for_inferred = true;
                    name.type_name = Some(text);
                }
                _ => return self.wrong(part_start, format!("id() has no {part}"), hint),
            }
            self.sign(",");
        }
        if name.name.is_none() && name.type_name.is_none() && name.account.is_none() {
            return self.wrong(start, "id() needs a name, a type or an account", hint);
        }
        Ok(name)
    }

    pub(super) fn service(&mut self, start: usize) -> Read<Part> {
        (self.is_certain, self.is_unmistakable) = (true, true);
        (self.needs_entry, self.asks_for_inferred) = (false, false);
        self.at += 1;
        let mut name = Name::default();
        if !self.sign(")") {
            name = self.name(start)?;
            if !self.sign(")") {
                return self.wrong(start, "service( is not closed", "write service(\"name\")");
            }
        }
        let filter = self.braces(start, [Scope::Node(Side::Sends), Scope::Node(Side::Inferred)])?;
        let mut sends = name.condition(Side::Sends);
        let mut inferred = vec![has("span.inferred", "true")];
        inferred.extend(name.condition(Side::Inferred));
        if let Some([of_sender, of_caller]) = filter {
            if self.needs_entry {
                sends.push(Tree::or(vec![has("kind", "server"), has("kind", "consumer")]));
            }
            sends.push(of_sender);
            inferred.push(of_caller);
        }
        let inferred = self.asks_for_inferred.then_some(Tree::And(inferred));
        Ok(Part::Trace(either([Tree::And(sends)].into_iter().chain(inferred))))
    }

    pub(super) fn edge(&mut self, start: usize) -> Read<Part> {
        (self.is_certain, self.is_unmistakable) = (true, true);
        self.at += 1;
        let source = self.name(start)?;
        if !self.sign(",") {
            return self.wrong(start, "edge() needs two services", "write edge(\"from\", \"to\")");
        }
        self.asks_for_inferred = false;
        let destination = self.name(start)?;
        if !self.sign(")") {
            return self.wrong(start, "edge( is not closed", "write edge(\"from\", \"to\")");
        }
        let filter = self.braces(start, [Scope::Node(Side::Sends), Scope::Node(Side::Inferred)])?;
        let [of_answered, of_unanswered] = filter.unwrap_or_else(|| [Tree::all(), Tree::all()]);
        let caller = |filter: Condition, rest: Vec<Condition>| {
            let mut parts = source.condition(Side::Sends);
            parts.extend(rest);
            parts.push(filter);
            folded(Tree::And(parts))
        };
        let mut ways = Vec::new();
        if let (Some(first), Some(callee)) =
            (caller(of_answered, Vec::new()), folded(Tree::And(destination.condition(Side::Sends))))
        {
            let rest = vec![(Relation::Child, callee)];
            ways.push(Tree::Leaf(TraceLeaf::Related { first, rest }));
        }
        if self.asks_for_inferred {
            let mut callee = destination.condition(Side::Inferred);
            callee.push(has("span.inferred", "true"));
            ways.extend(caller(of_unanswered, callee).map(|call| Tree::Leaf(TraceLeaf::Some(call))));
        }
        Ok(Part::Trace(match ways.is_empty() {
            true => Tree::Leaf(TraceLeaf::Some(Tree::all())).not(),
            false => Tree::or(ways),
        }))
    }

    /// The service that a call without an answer makes the last one of the way to a root cause.
    pub(super) fn inferred_end(cause: Cause) -> Vec<Condition> {
        vec![has("span.cause", cause.text()), has("span.inferred", "true")]
    }
}
