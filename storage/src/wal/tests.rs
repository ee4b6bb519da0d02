use super::*;

const FILE_BYTES_MAX: u64 = 256;

fn open(dir: &Path) -> Wal {
    Wal::open(dir.to_owned(), FILE_BYTES_MAX, 0).expect("open")
}

fn append(wal: &mut Wal, payloads: &[&[u8]]) {
    let group: Vec<_> = payloads.iter().map(|payload| Entry { signal: Signal::Spans, payload }).collect();
    wal.append(&group).expect("append");
}

fn read_all(wal: &Wal) -> Vec<(u64, Vec<u8>)> {
    let mut reader = wal.reader();
    let mut records = Vec::new();
    while let Some(record) = reader.next_record().expect("read") {
        records.push((record.sequence, record.payload));
    }
    records
}

#[test]
fn what_was_appended_is_read_back_in_order_over_restarts() {
    let dir = tempfile::tempdir().expect("tempdir");
    let mut expected = Vec::new();
    for round in 0..5u64 {
        let mut wal = open(dir.path());
        assert_eq!(wal.next_sequence(), expected.len() as u64);
        assert_eq!(read_all(&wal), expected);
        for i in 0..7 {
            let payload = vec![b'a' + round as u8; 10 + i];
            append(&mut wal, &[&payload, b""]);
            expected.push((expected.len() as u64, payload));
            expected.push((expected.len() as u64, vec![]));
        }
    }
    assert_eq!(read_all(&open(dir.path())), expected);
}

#[test]
fn truncate_removes_only_files_below_the_position() {
    let dir = tempfile::tempdir().expect("tempdir");
    let mut wal = open(dir.path());
    for _ in 0..20 {
        append(&mut wal, &[&[7; 50]]);
    }
    wal.truncate(9).expect("truncate");
    let left = read_all(&open(dir.path()));
    assert!(left.first().expect("records").0 <= 9, "record 9 must stay");
    assert_eq!(left.last().expect("records").0, 19);
    assert!(left.len() < 20, "some file could go");
    wal.truncate(20).expect("truncate");
    assert_eq!(wal.stats(), WalStats::default());
    append(&mut wal, &[b"next"]);
    assert_eq!(read_all(&open(dir.path())), [(20, b"next".to_vec())]);
}

#[test]
fn a_log_cut_at_any_byte_keeps_every_record_before_the_cut() {
    let dir = tempfile::tempdir().expect("tempdir");
    let mut wal = Wal::open(dir.path().join("whole"), u64::MAX, 0).expect("open");
    for i in 0..10u8 {
        append(&mut wal, &[&vec![i; usize::from(i) * 3]]);
    }
    let whole = read_all(&Wal::open(dir.path().join("whole"), u64::MAX, 0).expect("open"));
    let path = list_files(&dir.path().join("whole")).expect("list")[0].path.clone();
    let bytes = std::fs::read(&path).expect("read");
    for zeros in [false, true] {
        for cut in 0..bytes.len() {
            let torn = dir.path().join("torn");
            std::fs::create_dir_all(&torn).expect("create");
            let mut content = bytes[..cut].to_vec();
            if zeros {
                content.resize(bytes.len(), 0);
            }
            std::fs::write(torn.join("00000000000000000000.log"), content).expect("write");
            let left = read_all(&Wal::open(torn.clone(), u64::MAX, 0).expect("open"));
            assert_eq!(left, whole[..left.len()], "cut at {cut}");
            let ends: Vec<_> = (0..=left.len()).map(|n| end_of(&whole[..n])).collect();
            assert!(ends[left.len()] <= cut.max(MAGIC.len()), "cut at {cut}: nothing is invented");
            assert!(
                left.len() == whole.len() || end_of(&whole[..left.len() + 1]) > cut,
                "cut at {cut}: nothing is lost"
            );
            std::fs::remove_dir_all(&torn).expect("remove");
        }
    }
}

fn end_of(records: &[(u64, Vec<u8>)]) -> usize {
    MAGIC.len() + records.iter().map(|(_, payload)| record::HEADER_BYTES + payload.len()).sum::<usize>()
}

#[test]
fn damage_in_the_middle_is_set_aside_and_the_rest_is_read() {
    let dir = tempfile::tempdir().expect("tempdir");
    let mut wal = Wal::open(dir.path().to_owned(), u64::MAX, 0).expect("open");
    for i in 0..6u8 {
        append(&mut wal, &[&[i; 20]]);
    }
    let path = list_files(dir.path()).expect("list")[0].path.clone();
    let bytes = std::fs::read(&path).expect("read");
    let third = MAGIC.len() + 2 * 37;
    for byte in third..third + 37 {
        let mut bad = bytes.clone();
        bad[byte] ^= 0x55;
        std::fs::write(&path, bad).expect("write");
        let sequences: Vec<_> = read_all(&open(dir.path())).into_iter().map(|(sequence, _)| sequence).collect();
        assert_eq!(sequences, [0, 1, 3, 4, 5], "byte {byte}");
        assert!(dir.path().join(QUARANTINE).read_dir().expect("quarantine").count() > 0);
    }
}
