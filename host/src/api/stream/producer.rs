//! Asks the source, and puts what is new into the hub: once for all clients, and only for topics that somebody has.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::hub::{Channel, Hub};
use super::ladder;
use super::topic::Topic;
use crate::api::source::Source;
use crate::monitor::look::TopBook;

/// How often topics are looked through; each has its own shortest time between two news.
const ROUND: Duration = Duration::from_millis(50);

/// What the last news of a topic were made of.
struct Made {
    channel: Arc<Channel>,
    /// Not asked for before.
    from: Instant,
    /// Asked for by then, whether a bell rings or not.
    by: Instant,
    data: String,
    book: Option<Arc<TopBook>>,
}

/// Makes news until `stop`.
pub async fn run(hub: Arc<Hub>, source: Arc<Source>, stop: CancellationToken) {
    let mut tick = tokio::time::interval(ROUND);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut made: HashMap<Topic, Made> = HashMap::new();
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = hub.asked.notified() => {}
            () = stop.cancelled() => return,
        }
        // A Redis that hangs must not hold up the end.
        let any = tokio::select! {
            any = round(&hub, &source, &mut made) => any,
            () = stop.cancelled() => return,
        };
        if any {
            hub.ring();
        }
    }
}

/// One look through all topics; whether any had news.
async fn round(hub: &Hub, source: &Source, made: &mut HashMap<Topic, Made>) -> bool {
    let wanted = hub.wanted();
    // What is no longer wanted is forgotten, and so is a channel that was made anew: it has nothing yet.
    let by_topic: HashMap<&Topic, &Arc<Channel>> = wanted.iter().map(|channel| (&channel.topic, channel)).collect();
    made.retain(|topic, made| by_topic.get(topic).is_some_and(|channel| Arc::ptr_eq(channel, &made.channel)));
    source.look(wanted.iter().filter_map(|channel| match &channel.topic {
        Topic::Book(pair, levels) => Some((pair, usize::from(*levels))),
        _ => None,
    }));
    let now = Instant::now();
    let mut any = false;
    for channel in wanted {
        let topic = channel.topic.clone();
        let entry = made.entry(topic.clone()).or_insert_with(|| Made { channel, from: now, by: now, data: String::new(), book: None });
        if now < entry.from || (now < entry.by && !source.rang(&topic)) {
            continue;
        }
        let new = match &topic {
            Topic::Book(pair, levels) => book(hub, source, entry, pair, usize::from(*levels)).await,
            _ => data(hub, source, entry, &topic).await,
        };
        any |= new;
        // A look into memory costs so little that what is new there is found in the next round.
        if new || !source.is_near(&topic) {
            // From when it was due rather than from now, so that rounds that come a little late don't add up to fewer news.
            entry.from = (entry.from + topic.every()).max(now + topic.every() - ROUND / 2);
        }
        entry.by = entry.from + source.patience(&topic);
    }
    any
}

async fn data(hub: &Hub, source: &Source, entry: &mut Made, topic: &Topic) -> bool {
    let Some(data) = source.topic(topic).await else { return false };
    if data == entry.data {
        return false;
    }
    hub.publish(&entry.channel, &data, None);
    entry.data = data;
    true
}

async fn book(hub: &Hub, source: &Source, entry: &mut Made, pair: &Arc<str>, levels: usize) -> bool {
    let Some(book) = source.top_book(pair).await else { return false };
    if entry.book.as_ref().is_some_and(|before| Arc::ptr_eq(before, &book) || **before == *book) {
        return false;
    }
    let change = entry.book.as_ref().map(|before| ladder::change(before, &book, levels));
    hub.publish(&entry.channel, &ladder::whole(&book, levels), change.as_deref());
    entry.book = Some(book);
    true
}
