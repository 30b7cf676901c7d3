//! Starts the WorkMail stand-in, or looks into its data folder.

use std::io::Write;
use std::path::Path;

use anyhow::Context;
use stand_in::args::{self, Command};
use stand_in::seed::Seed;
use stand_in::server::{Server, State};
use stand_in::store::Store;
use stand_in::{listing, maildir};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|a| a == "--help" || a == "-h") {
        return print(args::USAGE);
    }
    match args::read(&arguments, |name| std::env::var(name).ok())? {
        Command::Serve { listen, data, seed, record } => {
            let state = State::open(&data, record.as_deref())?;
            if let Some(seed) = seed {
                plant(&state, &seed)?;
            }
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(async {
                let server = Server::bind(listen, state).await?;
                print(&format!("workmail ready http://{}", server.address()?))?;
                let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
                tokio::select! {
                    () = server.run() => {}
                    _ = terminate.recv() => {}
                    _ = tokio::signal::ctrl_c() => {}
                }
                Ok(())
            })
        }
        Command::List { data, mailbox, items } => {
            let text = open(&data)?.read(|c| listing::text(c, mailbox.as_deref(), items))?;
            print(text.trim_end())
        }
        Command::Export { data, mailbox, to } => {
            let messages = open(&data)?.read(|c| maildir::export(c, &mailbox, &to))?;
            print(&format!("{messages} messages in {}", to.display()))
        }
    }
}

fn plant(state: &State, file: &Path) -> anyhow::Result<()> {
    let bytes = std::fs::read(file).with_context(|| format!("reading the seed {}", file.display()))?;
    let seed = Seed::read(&bytes)?;
    state.store.write(|c| seed.store(c))?;
    seed.set(&state.knobs)?;
    Ok(())
}

fn open(data: &Path) -> anyhow::Result<Store> {
    anyhow::ensure!(data.join("workmail.db").exists(), "{} holds no data of the stand-in", data.display());
    Ok(Store::open(data)?)
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()?;
    Ok(())
}
