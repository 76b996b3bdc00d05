//! Ctrl-C: the first time no new call is begun, the second time calls under way are dropped.

use tokio_util::sync::CancellationToken;

use super::console::Console;

/// Waits for signals for as long as it is polled; `stop` and `abort` are cancelled in turn.
pub(super) async fn watch(console: &Console, stop: &CancellationToken, abort: &CancellationToken) {
    if wait().await.is_err() {
        return std::future::pending().await;
    }
    stop.cancel();
    console.note("\nstopping: calls under way are waited for; press Ctrl-C again to stop at once");
    if wait().await.is_ok() {
        abort.cancel();
    }
    std::future::pending::<()>().await;
}

#[cfg(unix)]
async fn wait() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn wait() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
