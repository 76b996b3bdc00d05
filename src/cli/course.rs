//! The course of a suite over time, up to a run.

use crate::error::Result;
use crate::history::point::Point;
use crate::history::run::{Run, Status};
use crate::history::store::History;
use crate::timeline::{RUNS, Timeline};

/// The course of the suite of a run, of which that run is the newest point. A baseline that is older than all runs of
/// the history and not among them, as one from a file, is the first point. `None` for a run that is not complete, or
/// that is made for the sake of another.
pub(super) async fn up_to(
    history: &History,
    run: &Run,
    baseline: Option<&Run>,
) -> Result<Option<Timeline>> {
    let header = &run.header;
    if header.part.is_some() || header.status != Status::Complete {
        return Ok(None);
    }
    let most = u32::try_from(RUNS).unwrap_or(u32::MAX);
    let mut points = history.points(&header.suite, most).await?;
    let is_same = |id: &String| *id == header.id || Some(id) == header.rescored_from.as_ref();
    points.retain(|point| {
        let is_earlier = point.header.started_at <= header.started_at;
        is_earlier && !is_same(&point.header.id)
    });
    points.push(Point::of(run));
    if let Some(baseline) = baseline.filter(|baseline| baseline.header.part.is_none()) {
        let is_first = points.iter().all(|point| {
            let other = &point.header;
            other.id != baseline.header.id && other.started_at >= baseline.header.started_at
        });
        if is_first {
            points.insert(0, Point::of(baseline));
        }
    }
    Ok(Timeline::of(&points))
}
