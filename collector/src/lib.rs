//! The write path of Spanlake.

pub mod columns;
