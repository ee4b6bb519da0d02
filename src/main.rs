//! `spanlake`: traces and logs in one open lake.
//!
//! The binary parses the command line, wires the floors together ([`serve`]) and prints errors; everything else is in
//! the crates.

mod cli;
mod config;
mod demo;
mod human;
mod otlp_client;
mod pack;
mod replay;
mod serve;
mod sql;
mod telemetry;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

/// Flushes and merges free hundreds of megabytes from other threads than allocated them: the C library's allocator keeps
/// half of that.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn openapi() -> anyhow::Result<()> {
    println!("{}", query::api::openapi::document().to_pretty_json()?);
    Ok(())
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(arguments) => serve::run(*arguments),
        Command::Sql(arguments) => sql::run(arguments),
        Command::Replay(arguments) => replay::run(arguments),
        Command::Openapi => openapi(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The alternate form prints the chain of causes on one line.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
