//! What happened: runs, the exchanges that were paid for, and which run is the baseline of a suite.

mod allowed;
pub mod answers;
pub mod baseline;
pub mod batch;
pub mod change;
pub mod ownership;
pub mod parts;
pub mod point;
pub mod recording;
pub mod run;
pub mod run_file;
pub mod store;
