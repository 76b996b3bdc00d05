//! A session that holds an advisory lock: the right to make runs, which ends with the process.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection as _, Row as _};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use super::{ANSWERED, Attempt, connect, in_time};

/// How often the session is seen to be alive.
const BEAT: Duration = Duration::from_secs(2);
/// How long a lock is asked for: that of a process that was just killed lasts until the server notices.
const ASKED: Duration = Duration::from_millis(50);
const TIMES: u32 = 10;

/// What is locked, and by whom.
struct Claim {
    options: PgConnectOptions,
    key: i64,
    name: String,
}

/// Takes the lock of this key; `None` where another process has it. The session is kept alive and ends when what is
/// returned is dropped. Should the server be lost and another process take the lock meanwhile, `taken_over` is
/// cancelled.
pub(super) async fn own(
    options: &PgConnectOptions,
    key: i64,
    taken_over: CancellationToken,
) -> Attempt<Option<AbortOnDropHandle<()>>> {
    let name = format!("regauge {}", Uuid::now_v7());
    let claim = Claim {
        options: options.clone().application_name(&name),
        key,
        name,
    };
    let Some(connection) = claim.take().await? else {
        return Ok(None);
    };
    let beat = tokio::spawn(async move {
        claim.keep(connection).await;
        taken_over.cancel();
    });
    Ok(Some(AbortOnDropHandle::new(beat)))
}

impl Claim {
    async fn take(&self) -> Attempt<Option<PgConnection>> {
        let mut connection = connect(&self.options).await?;
        for setting in ["tcp_keepalives_idle", "tcp_keepalives_interval"] {
            // A machine that goes without a word shall not hold the lock for hours.
            let query = sqlx::query("SELECT set_config($1, '15', false)").bind(setting);
            in_time(ANSWERED, query.execute(&mut connection)).await?;
        }
        for _ in 0..TIMES {
            if self.try_lock(&mut connection).await? {
                return Ok(Some(connection));
            }
            sleep(ASKED).await;
        }
        Ok(None)
    }

    async fn try_lock(&self, connection: &mut PgConnection) -> Attempt<bool> {
        let query = sqlx::query("SELECT pg_try_advisory_lock($1)").bind(self.key);
        let row = in_time(ANSWERED, query.fetch_one(connection)).await?;
        row.try_get(0)
    }

    /// Ends when another process has the lock.
    async fn keep(&self, mut connection: PgConnection) {
        loop {
            sleep(BEAT).await;
            while in_time(ANSWERED, connection.ping()).await.is_err() {
                match self.take_again().await {
                    Ok(Some(again)) => connection = again,
                    Ok(None) => return,
                    // The server is not back yet.
                    Err(_) => sleep(BEAT).await,
                }
            }
        }
    }

    /// Takes the lock in a new session. Where only the connection was lost, the server may still hold the old session
    /// of this process for alive; it is ended.
    async fn take_again(&self) -> Attempt<Option<PgConnection>> {
        let mut connection = connect(&self.options).await?;
        let query = sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid()",
        );
        in_time(ANSWERED, query.bind(&self.name).execute(&mut connection)).await?;
        drop(connection);
        self.take().await
    }
}
