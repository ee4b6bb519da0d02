//! HTTP as a client sees it: every status is an answer, nothing is decompressed or followed behind the test's back.

use std::time::Duration;

use serde_json::Value;
use ureq::Agent;

/// Bodies up to 256 MiB: the large packs' answers are tens of megabytes.
const BODY_BYTES_MAX: u64 = 256 << 20;

pub(crate) fn agent(timeout: Duration) -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(timeout))
        .build()
        .new_agent()
}

/// One answer, read to its end.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn read(mut response: ureq::http::Response<ureq::Body>) -> Result<Self, String> {
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let body = response.body_mut().with_config().limit(BODY_BYTES_MAX).read_to_vec();
        Ok(Self { status: response.status().as_u16(), headers, body: body.map_err(|error| error.to_string())? })
    }

    /// The first header of that (lower-case) name, or "".
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        self.try_json().unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) fn try_json(&self) -> Result<Value, String> {
        serde_json::from_slice(&self.body).map_err(|error| format!("not JSON ({error}): {}", self.excerpt()))
    }

    /// Status and the beginning of the body, for messages.
    pub(crate) fn excerpt(&self) -> String {
        let text = self.text();
        format!("status {}, body {:?}", self.status, text.chars().take(400).collect::<String>())
    }
}
