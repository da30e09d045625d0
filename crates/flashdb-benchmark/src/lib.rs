//! `flashdb-benchmark`: a load generator for servers that speak RESP, with redis-benchmark's flags and more.
//!
//! Reading order: `options` (what was asked), `workload` and `template` (which bytes are sent), `keys` and `value_size`
//! (what is drawn for them), `scanner` (how replies are counted), `connection` and `worker` (the event loop), `run` (one
//! test on one server), `session` (all tests, servers and rounds), `record` (the outcome, as stored in JSON), and then its
//! forms: `report`, `csv`, `plot`, `compare`.
//!
//! It shares the machine with the server it measures, so a request costs it no allocation and a share of two system calls.

pub mod compare;
pub mod connection;
pub mod control;
pub mod cpu;
pub mod csv;
pub mod flags;
pub mod idle;
pub mod keys;
pub mod latency;
pub mod options;
pub mod pacing;
pub mod plot;
pub mod progress;
pub mod record;
pub mod report;
pub mod run;
pub mod scanner;
pub mod session;
pub mod socket;
pub mod template;
pub mod value_size;
pub mod worker;
pub mod workload;
