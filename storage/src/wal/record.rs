//! One record of the log: `length u32 | crc32 u32 | sequence number u64 | signal u8 | payload`, little endian.
//!
//! The checksum covers everything behind it, so a torn, shifted or flipped record is told from a good one.

use proto::Signal;

pub(super) const HEADER_BYTES: usize = 17;
/// A longer record is damage, not data: requests are limited to 64 MiB by default.
pub(super) const PAYLOAD_BYTES_MAX: usize = 1 << 30;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) sequence: u64,
    pub(super) signal: Signal,
    pub(super) payload: &'a [u8],
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Invalid {
    /// The bytes end before the record does.
    Short,
    /// The bytes are not a record. `skip`: how long it claims to be, when that fits into the bytes.
    Damaged { skip: Option<usize> },
}

/// What stands before the payload.
pub(super) fn header(sequence: u64, signal: Signal, payload: &[u8]) -> [u8; HEADER_BYTES] {
    let length = u32::try_from(payload.len()).expect("payloads are bounded by PAYLOAD_BYTES_MAX");
    let mut header = [0; HEADER_BYTES];
    header[0..4].copy_from_slice(&length.to_le_bytes());
    header[4..8].copy_from_slice(&checksum(sequence, signal.code(), payload).to_le_bytes());
    header[8..16].copy_from_slice(&sequence.to_le_bytes());
    header[16] = signal.code();
    header
}

/// Reads the record at the start of `bytes` and returns it with its length.
pub(super) fn decode(bytes: &[u8]) -> Result<(Record<'_>, usize), Invalid> {
    if bytes.len() < HEADER_BYTES {
        return Err(Invalid::Short);
    }
    let length = u32::from_le_bytes(bytes[0..4].try_into().expect("4 bytes")) as usize;
    let crc = u32::from_le_bytes(bytes[4..8].try_into().expect("4 bytes"));
    let sequence = u64::from_le_bytes(bytes[8..16].try_into().expect("8 bytes"));
    if length > PAYLOAD_BYTES_MAX {
        return Err(Invalid::Damaged { skip: None });
    }
    let total = HEADER_BYTES + length;
    let Some(payload) = bytes.get(HEADER_BYTES..total) else {
        return Err(Invalid::Short);
    };
    let signal = Signal::from_code(bytes[16]);
    match signal {
        Some(signal) if checksum(sequence, bytes[16], payload) == crc => {
            Ok((Record { sequence, signal, payload }, total))
        }
        _ => Err(Invalid::Damaged { skip: Some(total) }),
    }
}

fn checksum(sequence: u64, signal: u8, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&sequence.to_le_bytes());
    hasher.update(&[signal]);
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_flipped_bit_is_detected() {
        let mut good = Vec::new();
        good.extend_from_slice(&header(7, Signal::Logs, b"some payload"));
        good.extend_from_slice(b"some payload");
        assert_eq!(
            decode(&good),
            Ok((Record { sequence: 7, signal: Signal::Logs, payload: b"some payload" }, good.len()))
        );
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&bad).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_record_cut_anywhere_is_short() {
        let mut good = Vec::new();
        good.extend_from_slice(&header(7, Signal::Spans, b"some payload"));
        good.extend_from_slice(b"some payload");
        for len in 0..good.len() {
            assert_eq!(decode(&good[..len]), Err(Invalid::Short));
        }
    }
}
