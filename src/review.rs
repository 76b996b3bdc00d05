//! What becomes of new answers: proposals of a run, decisions of a person, and the golden files that they change.
//!
//! Nothing here draws or asks; `cli` does, or a script that writes a [`decision`] file. Golden files are changed at the
//! places of the values and nowhere else, so that comments, order and form stay as people wrote them. A file is written
//! once, as a whole, after everything in it has been checked.

pub mod apply;
pub mod decision;
mod edit;
pub mod proposal;
pub mod session;
