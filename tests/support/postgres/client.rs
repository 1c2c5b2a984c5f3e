//! Statements as superuser, over the server's socket so that no access rule of a test is in the way.

use std::path::Path;

use tokio_postgres::{Config, NoTls, SimpleQueryMessage};

/// The columns of a row as texts; `None` is NULL.
pub(crate) type Row = Vec<Option<String>>;

/// Runs statements on a runtime and thread of its own, so that it can be called inside another runtime.
pub(crate) fn run(socket_directory: &Path, port: u16, password: &str, statements: &str) -> Result<Vec<Row>, String> {
    let mut config = Config::new();
    config.host_path(socket_directory).port(port).user("postgres").dbname("postgres").password(password);
    let work = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?
            .block_on(query(&config, statements))
            .map_err(|error| with_cause(&error))
    };
    std::thread::scope(|scope| match scope.spawn(work).join() {
        Ok(rows) => rows,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

async fn query(config: &Config, statements: &str) -> Result<Vec<Row>, tokio_postgres::Error> {
    let (client, connection) = config.connect(NoTls).await?;
    let query = async move { client.simple_query(statements).await };
    let (messages, _closed) = tokio::join!(query, connection);
    let rows = messages?.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect()),
        _ => None,
    });
    Ok(rows.collect())
}

/// Returns the text of an error. The client's errors keep the server's message in their cause.
fn with_cause(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
