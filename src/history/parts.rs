//! The runs that were made for the sake of another one.

use super::run::{Header, Role, Run};
use super::store::History;
use crate::error::Result;

/// Runs of a suite that are looked through.
const LOOKED_THROUGH: u32 = 200;

/// The runs that were made for the sake of a run, each with what it is to it.
pub async fn load(history: &History, of: &Header) -> Result<Vec<(Role, Run)>> {
    let mut found = Vec::new();
    for header in history.headers(Some(&of.suite), LOOKED_THROUGH).await? {
        if let Some(part) = header.part.filter(|part| part.of == of.id) {
            found.push((part.role, history.load(&header.id).await?));
        }
    }
    found.sort_by_key(|(role, _)| *role);
    Ok(found)
}
