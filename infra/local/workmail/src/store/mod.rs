//! Everything that lasts: one SQLite file in WAL mode, one writer, many readers.

pub mod folder;
pub mod item;
pub mod organization;
pub mod permission;
pub mod property;
pub mod role;
pub mod user;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused.
    #[error("the database refused")]
    Database(#[from] rusqlite::Error),
    /// The data folder cannot be used.
    #[error("the data folder cannot be used")]
    Folder(#[from] std::io::Error),
    /// A stored JSON value cannot be read.
    #[error("a stored value cannot be read")]
    Json(#[from] serde_json::Error),
}

/// The open store.
#[derive(Debug)]
pub struct Store {
    path: std::path::PathBuf,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
}

/// Locks even when another thread died holding the lock: what it guards is a connection or a plain table.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// Opens `workmail.db` in a folder, making both when they are missing.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join("workmail.db");
        let connection = connect(&path)?;
        connection.execute_batch(include_str!("schema.sql"))?;
        Ok(Self { path, writer: Mutex::new(connection), readers: Mutex::new(Vec::new()) })
    }

    /// Runs a closure in one transaction; an error takes everything back. Blocking.
    pub fn write<T, E: From<StoreError>>(&self, act: impl FnOnce(&Connection) -> Result<T, E>) -> Result<T, E> {
        let mut connection = lock(&self.writer);
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(StoreError::from)?;
        let result = act(&transaction)?;
        transaction.commit().map_err(StoreError::from)?;
        Ok(result)
    }

    /// Runs a closure on a consistent view; it must not write. Blocking.
    pub fn read<T, E: From<StoreError>>(&self, look: impl FnOnce(&Connection) -> Result<T, E>) -> Result<T, E> {
        let pooled = lock(&self.readers).pop();
        let mut connection = match pooled {
            Some(connection) => connection,
            None => connect(&self.path)?,
        };
        let result = match connection.transaction().map_err(StoreError::from) {
            Ok(view) => look(&view),
            Err(error) => Err(error.into()),
        };
        lock(&self.readers).push(connection);
        result
    }

    /// Forgets everything.
    pub fn clear(&self) -> Result<(), StoreError> {
        self.write(|c| {
            c.execute_batch(
                "DELETE FROM property; DELETE FROM mime; DELETE FROM item; DELETE FROM folder; DELETE FROM token; DELETE FROM role;
                 DELETE FROM permission; DELETE FROM mailbox_size; DELETE FROM user; DELETE FROM organization;",
            )?;
            Ok(())
        })
    }
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(30))?;
    connection.set_prepared_statement_cache_capacity(128);
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536; PRAGMA recursive_triggers = ON;
         PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 268435456;",
    )?;
    Ok(connection)
}
