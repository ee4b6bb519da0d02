//! Every fact of the shipped packs' manifests, from the memtable, from segments, and from one compacted segment after
//! a restart.

use crate::support::facts::check;
use crate::support::packs::{Pack, Signal};
use crate::support::server::NO_FLUSH;
use crate::support::{Home, Server};

#[derive(Clone, Copy)]
pub(crate) enum Transport {
    Http,
    Grpc,
}

pub(crate) fn ingest(server: &Server, pack: &Pack, transport: Transport) {
    for signal in Signal::ALL {
        match transport {
            Transport::Http => {
                pack.requests(signal).iter().for_each(|request| server.export(signal.http_path(), request))
            }
            Transport::Grpc => {
                let client = server.grpc();
                pack.requests(signal).iter().for_each(|request| client.export(signal.grpc_method(), request));
            }
        }
    }
}

/// The three lives of a row, each with all facts.
pub(crate) fn three_times(pack: &Pack, transport: Transport) {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    ingest(&server, pack, transport);
    for signal in Signal::ALL {
        assert_eq!(
            server.status(signal.table(), "memtable_rows"),
            pack.count(signal.table()),
            "{signal:?} in the memtable"
        );
        assert_eq!(server.status(signal.table(), "segments"), 0, "{signal:?} segments before a flush");
    }
    let in_memtable = check(&server, pack, "from the memtable");

    server.flush();
    for signal in Signal::ALL {
        assert_eq!(server.status(signal.table(), "memtable_rows"), 0, "{signal:?} in the memtable after a flush");
        let segments = server.status(signal.table(), "segments");
        assert_eq!(segments > 0, pack.count(signal.table()) > 0, "{signal:?}: {segments} segments after a flush");
    }
    let flushed = check(&server, pack, "from segments");

    server.compact();
    let status = server.stop();
    assert!(status.success(), "SIGTERM ended the server with {status}");
    let server = home.start_ready(NO_FLUSH);
    for signal in Signal::ALL {
        let dates = dates(&server, signal);
        assert_eq!(server.status(signal.table(), "segments"), dates, "{signal:?}: one segment a date after compaction");
    }
    let compacted = check(&server, pack, "after compaction and a restart");
    assert_eq!((in_memtable, flushed), (flushed, compacted), "each time the same facts");
}

fn dates(server: &Server, signal: Signal) -> i64 {
    let (table, time) = match signal {
        Signal::Spans => ("spans", "start_time"),
        Signal::Logs => ("logs", "time"),
    };
    server.count(&format!("SELECT count(DISTINCT CAST({time} AS BIGINT) / 86400000000000) FROM {table}"))
}

#[test]
fn boutique_over_http() {
    three_times(&Pack::shipped("ci-boutique"), Transport::Http);
}

#[test]
fn train_ticket_over_grpc() {
    three_times(&Pack::shipped("ci-trainticket"), Transport::Grpc);
}
