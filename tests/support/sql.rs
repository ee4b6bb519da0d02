//! Questions in SQL over HTTP, and their rows.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::server::Server;

/// A JSON answer of `POST /api/v1/sql`.
pub(crate) struct Rows {
    pub(crate) columns: Vec<(String, String)>,
    pub(crate) rows: Vec<Vec<Value>>,
}

impl Rows {
    pub(crate) fn i64(&self, row: usize, column: usize) -> Result<i64, String> {
        let value = self.rows.get(row).and_then(|row| row.get(column));
        value.and_then(Value::as_i64).ok_or_else(|| format!("row {row}, column {column} is not an integer: {value:?}"))
    }

    pub(crate) fn text(&self, row: usize, column: usize) -> Result<String, String> {
        let value = self.rows.get(row).and_then(|row| row.get(column));
        let text = value
            .and_then(Value::as_str)
            .ok_or_else(|| format!("row {row}, column {column} is not text: {value:?}"))?;
        Ok(text.to_owned())
    }

    /// First column (text or number, as text) to second (integer).
    pub(crate) fn counts(&self) -> Result<BTreeMap<String, i64>, String> {
        let mut counts = BTreeMap::new();
        for (index, row) in self.rows.iter().enumerate() {
            let key = match row.first() {
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => return Err("a row without columns".to_owned()),
            };
            counts.insert(key, self.i64(index, 1)?);
        }
        Ok(counts)
    }
}

impl Server {
    /// The answer as it comes, whatever its status.
    pub(crate) fn sql_reply(&self, sql: &str, accept: &str) -> Result<super::Reply, String> {
        self.post_json("/api/v1/sql", &json!({"sql": sql, "timeout_ms": 120_000}), accept)
    }

    /// The rows of a statement that must succeed and whose answer must be whole.
    pub(crate) fn sql(&self, sql: &str) -> Result<Rows, String> {
        let reply = self.sql_reply(sql, "application/json")?;
        if reply.status != 200 {
            return Err(format!("{sql}: {}", reply.excerpt()));
        }
        let answer = reply.try_json().map_err(|error| format!("{sql}: {error}"))?;
        if answer["truncated"] != json!(false) {
            return Err(format!("{sql}: \"truncated\" is {}", answer["truncated"]));
        }
        let columns = answer["columns"].as_array().ok_or_else(|| format!("{sql}: no columns: {}", reply.excerpt()))?;
        let columns = columns.iter().map(|c| (string(&c["name"]), string(&c["type"]))).collect();
        let rows = answer["rows"].as_array().ok_or_else(|| format!("{sql}: no rows: {}", reply.excerpt()))?;
        let rows = rows.iter().map(|row| row.as_array().cloned().unwrap_or_default()).collect();
        Ok(Rows { columns, rows })
    }

    /// The one integer of a statement that gives one.
    pub(crate) fn sql_i64(&self, sql: &str) -> Result<i64, String> {
        self.sql(sql)?.i64(0, 0).map_err(|error| format!("{sql}: {error}"))
    }

    /// The same where a failure ends the test.
    pub(crate) fn count(&self, sql: &str) -> i64 {
        self.sql_i64(sql).unwrap_or_else(|error| panic!("{error}"))
    }

    /// All items of a paged list: follows `next_cursor` to the end. `path` already has a query string.
    pub(crate) fn pages(&self, path: &str, list: &str) -> Result<Vec<Value>, String> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let page = match &cursor {
                None => self.get_json(path)?,
                Some(cursor) => self.get_json(&format!("{path}&cursor={}", percent(cursor)))?,
            };
            let answered = page[list].as_array().ok_or_else(|| format!("GET {path}: no {list}: {page}"))?;
            items.extend(answered.iter().cloned());
            match page["next_cursor"].as_str() {
                None => return Ok(items),
                Some(_) if answered.is_empty() => return Err(format!("GET {path}: an empty page with a cursor")),
                Some(next) if cursor.as_deref() == Some(next) => {
                    return Err(format!("GET {path}: the cursor does not advance"));
                }
                Some(next) => cursor = Some(next.to_owned()),
            }
        }
    }
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A text literal of SQL.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Percent-encoding of a query-string value.
pub(crate) fn percent(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte as char),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
