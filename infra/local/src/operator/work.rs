//! What operators look at and do about work that waits: queues and dead letters.

use anyhow::Result;
use clap::Subcommand;
use ops::Ops;
use ops::queues::Queue;
use vitrine::say;

use super::At;

#[derive(Subcommand)]
pub(crate) enum LookAtQueues {
    /// How much waits in each queue, and what was given up
    List {
        #[command(flatten)]
        at: At,
    },
    /// Show dead letters of a queue; they stay where they are
    Peek {
        /// Which queue: images-paint, images-erase or mail-send
        queue: Queue,
        /// At most so many
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=100))]
        most: u16,
        #[command(flatten)]
        at: At,
    },
    /// Send all dead letters back to their queue, once the cause is mended, with an act in the audit
    Redrive {
        /// Which queue: images-paint, images-erase or mail-send
        queue: Queue,
        #[command(flatten)]
        at: At,
    },
    /// Throw one dead letter away, with an act in the audit
    Discard {
        /// Which queue: images-paint, images-erase or mail-send
        queue: Queue,
        /// The message, by the id that `peek` shows
        message: String,
        /// Why; it is kept, and is to name nobody
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        at: At,
    },
}

pub(super) async fn queues(what: LookAtQueues) -> Result<()> {
    let told = match what {
        LookAtQueues::List { at } => Ops::at(at.place())?.queues().await?.to_string(),
        LookAtQueues::Peek { queue, most, at } => {
            let letters = Ops::at(at.place())?.dead_letters(queue, most.into()).await?;
            letters.to_string()
        }
        LookAtQueues::Redrive { queue, at } => {
            let ops = Ops::at(at.place())?;
            ops.redrive(queue, |progress| say!("{progress}")).await?
        }
        LookAtQueues::Discard {
            queue,
            message,
            reason,
            at,
        } => Ops::at(at.place())?.discard(queue, &message, &reason).await?,
    };
    say!("{}", told.trim_end());
    Ok(())
}
