//! What log records say: texts with places for values, and the words that questions are about.

use super::VALUES;

/// Severity numbers and texts, with how many of a hundred records have them.
pub(crate) const SEVERITIES: [(Severity, u64); 4] =
    [(Severity::Debug, 12), (Severity::Info, 76), (Severity::Warn, 8), (Severity::Error, 4)];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    Debug,
    Info,
    Warn,
    Error,
}

impl Severity {
    pub(crate) fn number(self) -> i32 {
        match self {
            Severity::Debug => 5,
            Severity::Info => 9,
            Severity::Warn => 13,
            Severity::Error => 17,
        }
    }

    pub(crate) fn text(self) -> &'static str {
        match self {
            Severity::Debug => "DEBUG",
            Severity::Info => "INFO",
            Severity::Warn => "WARN",
            Severity::Error => "ERROR",
        }
    }
}

/// The earlier ones of INFO are more frequent than the later ones.
pub(crate) const TEMPLATES: [(Severity, &str); 30] = [
    (
        Severity::Debug,
        "enter {function} id={id} account={user} mask={hex} locale=de_AT, {small} candidates left after filter {word}",
    ),
    (
        Severity::Debug,
        "lookaside {noun}/{id}/{word} shard={small} outcome=HIT ttl={ms}s bytes={bytes} codec=json generation={hex}",
    ),
    (
        Severity::Debug,
        "prepared in {ms} us: SELECT * FROM {noun}_v2 WHERE {noun}_id = {id} AND district = '{word}' LIMIT {small}, busy {small} idle {small}",
    ),
    (
        Severity::Debug,
        "mutex {noun}-{id} obtained after {ms} us, waiters {small}, holder before {pod}, fencing token {uuid}",
    ),
    (
        Severity::Debug,
        "switch {word}.{word} is on for {user}: rollout at {small} percent, arm {word}, bucket {id}, revision {hex}",
    ),
    (
        Severity::Debug,
        "pulse from {ip}:{port} sequence {id}, delay {ms} ms, offset {bytes}, ranges [{small}, {small}, {small}], epoch {hex}",
    ),
    (
        Severity::Info,
        "answered GET /v1/{noun}s/{id} with status 200 in {ms} ms, bytes {bytes}, remote {ip}, on behalf of account {user}, request {uuid}",
    ),
    (
        Severity::Info,
        "answered POST /v1/{noun}s with status 201 in {ms} ms, bytes {bytes}, remote {ip}, on behalf of account {user}, request {uuid}",
    ),
    (
        Severity::Info,
        "{ip} {user} \"GET /v2/{noun}s/{id}/history/{small} HTTP/2\" 200 {bytes} \"https://my.volta.example/{word}/{word}\" upstream={ms}",
    ),
    (
        Severity::Info,
        "settled {noun} {id} for {user} within {ms} ms: {small} positions, sum {bytes} EUR, method {word}, correlation {uuid}",
    ),
    (
        Severity::Info,
        "emitted {noun}.changed key={id} partition={small} offset={bytes} towards broker {ip}:{port} after {ms} ms, schema version {hex}",
    ),
    (
        Severity::Info,
        "handled envelope {uuid} of queue {noun}.opened, partition {small}, offset {bytes}, which took {ms} ms in {word}-handler",
    ),
    (
        Severity::Info,
        "signin {hex}{hex} granted to {user} at {ip} using {word}/{small}.{small} over {word} network, valid for {ms} minutes",
    ),
    (
        Severity::Info,
        "attached to {noun}-db.volta.internal:{port} ({ip}) after {ms} ms, connections {small} of 50, dialect {word}, session tag {hex}",
    ),
    (
        Severity::Info,
        "nightly task {word}-{word} completed: {small} of {small} {noun}s visited, {bytes} bytes scanned, again in {ms} s, lease {uuid}",
    ),
    (
        Severity::Info,
        "account {user} amended {noun} {id}: columns [{word}, {word}, state], revision {small}, origin {ip}, audit {uuid}",
    ),
    (
        Severity::Info,
        "settings {word}.toml revision {hex} loaded for {noun}, {small} keys differ, active after {ms} ms on {pod}",
    ),
    (
        Severity::Info,
        "transfer {uuid} confirmed for {noun} {id}, amount {bytes} EUR, scheme {word}, provider took {ms} ms, score {small}",
    ),
    (
        Severity::Warn,
        "slow statement on {noun}_v2 ran {ms} ms (allowed 250 ms), tuples {bytes}, plan {hex}, text SELECT * FROM {noun}_v2 WHERE {word} = {id}",
    ),
    (
        Severity::Warn,
        "repeating call of {word}-adapter ({ip}:{port}), attempt {small} of 6 after {ms} ms: connection reset, request {uuid}",
    ),
    (
        Severity::Warn,
        "breaker {word}-{noun} half open after {ms} ms, failing {small} percent, sluggish {small}, letting {small} probes reach {ip}",
    ),
    (
        Severity::Warn,
        "allowance of {user} nearly used: {small} of 100 in slot {hex}, remote {ip}, path /v1/{noun}s/{id}",
    ),
    (
        Severity::Warn,
        "outdated parameter '{word}' sent by {ip} agent {word}/{small} to /v2/{noun}s/{id}, goes away with release {small}",
    ),
    (
        Severity::Warn,
        "backlog of {noun}.{word} is {bytes}, above its mark; readers {small}, oldest {ms} s, broker {ip}:{port}",
    ),
    (
        Severity::Error,
        "could not settle {noun} {id} for {user}: no reply within {ms} ms by {word}-adapter at {ip}:{port}, request {uuid}",
    ),
    (
        Severity::Error,
        "uncaught in {function}: IllegalStateException: {noun} {id} is {word} already (revision {small}, wanted {small}) mark {hex}",
    ),
    (
        Severity::Error,
        "{noun}-db.volta.internal:{port} refused ({ip}), connections exhausted: busy {small}, queued {small}, final fault {word} {hex}",
    ),
    (
        Severity::Error,
        "direct debit of {user} bounced: bank says {small} '{word} {word}', transfer {uuid}, {noun} {id}, amount {bytes}",
    ),
    (
        Severity::Error,
        "envelope {uuid} parked in {noun}.dead after {small} attempts: undecodable at offset {bytes}, column {word}",
    ),
    (
        Severity::Error,
        "answered PATCH /v1/{noun}s/{id} with 503 in {ms} ms, remote {ip}, account {user}, blamed {word}, request {uuid}",
    ),
];

/// Words that one record in three to one in forty has, none of which is a value.
pub(crate) const COMMON_WORDS: [&str; VALUES] = [
    "answered",
    "settled",
    "emitted",
    "handled",
    "granted",
    "remote",
    "towards",
    "envelope",
    "correlation",
    "https",
    "upstream",
    "positions",
    "broker",
    "schema",
    "network",
    "account",
    "signin",
    "partition",
    "history",
];

/// Words that each are in a handful of records.
pub(crate) const RARE_WORDS: usize = VALUES;
/// Of this many records one has the word ...
const RARE_EVERY: u64 = 500_000;
/// ... or at least this many have it.
const RARE_MIN: u64 = 6;

pub(crate) fn rare_word(index: usize) -> String {
    format!("islanding{index:02}fault")
}

/// The index of the rare word that record `nth` of `items` has.
pub(crate) fn rare_word_of(nth: u64, items: u64) -> Option<usize> {
    let every = RARE_EVERY.min(items / RARE_MIN).max(RARE_WORDS as u64);
    let apart = every / RARE_WORDS as u64;
    let (index, rest) = ((nth % every) / apart, (nth % every) % apart);
    (rest == apart / 2).then_some(index as usize).filter(|&index| index < RARE_WORDS)
}

/// The last record has this word.
pub(crate) const LAST_WORD: &str = "endofworkload";

/// The words of a template that do not depend on its values, in lower case.
pub(crate) fn words(template: &str) -> impl Iterator<Item = String> {
    let mut text = String::with_capacity(template.len());
    for (nth, part) in template.split(['{', '}']).enumerate() {
        // A value's letters belong to the word they touch.
        text.push_str(if nth % 2 == 0 { part } else { "0" });
    }
    let words: Vec<String> = text
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty() && !word.contains('0'))
        .map(str::to_lowercase)
        .collect();
    words.into_iter()
}

/// Words that no value may be.
pub(crate) fn reserved_words() -> impl Iterator<Item = String> {
    let common = COMMON_WORDS.iter().map(|word| (*word).to_owned());
    common.chain(TEMPLATES.iter().flat_map(|(_, template)| words(template)))
}
