//! Durations, sizes and addresses as people write them: `30s`, `64MiB`, `127.0.0.1:4318`.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

/// `500ms`, `1.5s`, `2m`, `12h`, `30d`, `2w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct HumanDuration(pub(crate) Duration);

/// `1000`, `64KiB`, `256MiB`, `1.5GiB`, `10MB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ByteSize(pub(crate) u64);

/// An address to listen on; a host name is resolved when it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ListenAddress(pub(crate) SocketAddr);

impl FromStr for HumanDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const UNITS: [(&str, f64); 6] =
            [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86_400.0), ("w", 604_800.0)];
        quantity(text, &UNITS).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).map(Self).ok_or_else(
            || format!("{text:?} is not a duration: write a number and a unit (ms, s, m, h, d, w), as in 30s"),
        )
    }
}

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const UNITS: [(&str, f64); 9] = [
            ("", 1.0),
            ("B", 1.0),
            ("kB", 1e3),
            ("MB", 1e6),
            ("GB", 1e9),
            ("KiB", 1024.0),
            ("MiB", 1_048_576.0),
            ("GiB", 1_073_741_824.0),
            ("TiB", 1_099_511_627_776.0),
        ];
        quantity(text, &UNITS)
            .filter(|bytes| *bytes < 9e18)
            .map(|bytes| Self(bytes as u64))
            .ok_or_else(|| format!("{text:?} is not a size: write bytes, or a number and kB, MB, GB, KiB, MiB, GiB"))
    }
}

/// A decimal number without sign or exponent and its unit, multiplied.
fn quantity(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let factor = units.iter().find(|(name, _)| *name == unit.trim_start())?.1;
    number.parse::<f64>().ok().map(|number| number * factor)
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: String| format!("{text:?} is not an address to listen on ({why}): write HOST:PORT");
        let mut addresses = text.to_socket_addrs().map_err(|error| wrong(error.to_string()))?;
        addresses.next().map(Self).ok_or_else(|| wrong("the name has no address".to_owned()))
    }
}

macro_rules! from_string {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }
    )*};
}

from_string!(HumanDuration, ByteSize, ListenAddress);

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// `4,324`
pub(crate) fn with_separators(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_read() {
        for (text, milliseconds) in [("300ms", 300), ("1.5s", 1500), ("2m", 120_000), ("1h", 3_600_000)] {
            assert_eq!(text.parse(), Ok(HumanDuration(Duration::from_millis(milliseconds))));
        }
        assert_eq!("30d".parse(), Ok(HumanDuration(Duration::from_secs(30 * 86_400))));
        for (text, bytes) in [("0", 0), ("512", 512), ("64MiB", 64 << 20), ("1.5 GiB", 3 << 29), ("10MB", 10_000_000)] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)));
        }
        assert_eq!("127.0.0.1:0".parse(), Ok(ListenAddress(([127, 0, 0, 1], 0).into())));
    }

    #[test]
    fn what_is_not_a_quantity_is_refused_with_the_forms() {
        for text in ["", "soon", "-5d", "5", "1e3s", "5 parsecs", ".", "1.2.3s", "99999999999999999999w"] {
            let error = text.parse::<HumanDuration>().expect_err(text);
            assert!(error.contains(&format!("{text:?}")) && error.contains("30s"), "{error}");
        }
        for text in ["", "-1", "5 apples", "MiB", "99999999TiB"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
        for text in ["nowhere", "127.0.0.1", "127.0.0.1:99999"] {
            assert!(text.parse::<ListenAddress>().expect_err(text).contains(text));
        }
    }

    #[test]
    fn thousands_are_separated() {
        let texts = [0, 999, 1000, 1_234_567].map(with_separators);
        assert_eq!(texts, ["0", "999", "1,000", "1,234,567"]);
    }
}
