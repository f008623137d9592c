//! A pair's lane in Redis: what waits, what was taken, how far it was published, and the checkpoint.
//!
//! Every step is a script that can be sent again when its answer was lost: it looks where the lane stands before it does anything, so nothing
//! is taken, published or removed twice, and a consumer that another one has taken over from is told so.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use redis::{Pipeline, Script};

use super::checkpoint::{Checkpoint, decode_state};
use super::place::Stand;
use crate::analysis::SavedState;
use crate::results::{Link, LinkError, keys};

/// Field of the state's Hash that holds the book; the others are plugins' names, which have no colon.
const BOOK: &str = "lane:book";

/// Moves up to ARGV[1] frames to the processing List and returns them, oldest first. ARGV[2] frames there are known: more of them are what
/// an answer that was lost had moved, and are returned instead. One frame a move: the append-only file then holds a few bytes a frame
/// instead of the frame once more.
static TAKE: LazyLock<Code> = LazyLock::new(|| {
    Code::new(
        "local held = redis.call('LLEN', KEYS[2]) \
         local known = tonumber(ARGV[2]) \
         if held < known then return false end \
         local taken = {} \
         if held > known then \
           local frames = redis.call('LRANGE', KEYS[2], 0, held - known - 1) \
           for i = #frames, 1, -1 do taken[#taken + 1] = frames[i] end \
           return taken \
         end \
         for i = 1, tonumber(ARGV[1]) do \
           local frame = redis.call('RPOPLPUSH', KEYS[1], KEYS[2]) \
           if not frame then break end \
           taken[i] = frame \
         end \
         return taken",
    )
});

/// Carries out the commands from ARGV[6] on (each behind the number of its words) and moves the position from ARGV[1], ARGV[2] to ARGV[3],
/// ARGV[4], with sequence number ARGV[5]. Answers how many commands failed; false: the lane stands elsewhere. A command that fails for its
/// key's sake doesn't keep the lane from moving on; one that Redis refuses altogether also makes the last HSET fail, and nothing is done.
static PUBLISH: LazyLock<Code> = LazyLock::new(|| {
    Code::new(
        "local at = redis.call('HMGET', KEYS[1], 'run', 'index') \
         local run, index = at[1] or '', at[2] or '' \
         if run == ARGV[3] and index == ARGV[4] then return 0 end \
         if run ~= ARGV[1] or index ~= ARGV[2] then return false end \
         local failed, i = 0, 6 \
         while i <= #ARGV do \
           local words = tonumber(ARGV[i]) \
           local answer = redis.pcall(unpack(ARGV, i + 1, i + words)) \
           if type(answer) == 'table' and answer.err then failed = failed + 1 end \
           i = i + words + 1 \
         end \
         redis.call('HSET', KEYS[1], 'run', ARGV[3], 'index', ARGV[4], 'sequence', ARGV[5]) \
         return failed",
    )
});

/// Writes the state (pairs of field and value from ARGV[5] on) of the position ARGV[1], ARGV[2] and takes the ARGV[4] oldest frames off the
/// processing List. ARGV[3] names the checkpoint: one that was carried out isn't again. False: the lane stands elsewhere.
static CHECKPOINT: LazyLock<Code> = LazyLock::new(|| {
    Code::new(
        "local at = redis.call('HMGET', KEYS[1], 'run', 'index', 'checkpoint') \
         if at[3] == ARGV[3] then return 1 end \
         if (at[1] or '') ~= ARGV[1] or (at[2] or '') ~= ARGV[2] then return false end \
         redis.call('HSET', KEYS[1], 'checkpoint', ARGV[3]) \
         redis.call('DEL', KEYS[3]) \
         redis.call('HSET', KEYS[3], unpack(ARGV, 5)) \
         redis.call('LTRIM', KEYS[2], 0, -1 - tonumber(ARGV[4])) \
         return 1",
    )
});

/// A script and the digest by which Redis knows it.
struct Code {
    text: &'static str,
    hash: String,
}

impl Code {
    fn new(text: &'static str) -> Self {
        Self { text, hash: Script::new(text).get_hash().to_owned() }
    }
}

/// Adds the step that takes up to `most` frames of a pair, where `held` of the processing List are known.
pub(super) fn take(pipeline: &mut Pipeline, lane: &str, processing: &str, most: usize, held: usize) {
    pipeline.cmd("EVALSHA").arg(TAKE.hash.as_str()).arg(2).arg(lane).arg(processing).arg(most).arg(held);
}

/// The frames that [`take`] answers, oldest first; none: the lane stands elsewhere, or Redis doesn't know the script.
pub(super) fn taken(answer: redis::Value) -> Option<Vec<Vec<u8>>> {
    redis::from_redis_value::<TakeAnswer>(answer).ok().flatten()
}

/// The Redis side of one pair's lane.
pub(super) struct Ledger {
    pair: Arc<str>,
    link: Arc<Link>,
    lane: String,
    processing: String,
    position: String,
    state: String,
}

/// What an earlier consumer left.
#[derive(Default)]
pub(super) struct Left {
    /// Its last checkpoint.
    pub(super) checkpoint: Option<Checkpoint>,
    /// The plugins' states at that checkpoint, by name.
    pub(super) states: HashMap<String, SavedState>,
    /// Frames taken since, oldest first.
    pub(super) frames: Vec<Vec<u8>>,
    /// Run and index of the last frame that was published.
    pub(super) published: Option<(u64, u64)>,
}

impl Left {
    /// Redis knows nothing of the lane.
    pub(super) fn is_nothing(&self) -> bool {
        self.checkpoint.is_none() && self.states.is_empty() && self.frames.is_empty() && self.published.is_none()
    }
}

/// A step that moves the lane on.
pub(super) struct Step {
    /// Commands of the readings, none of which has an answer that matters.
    pub(super) readings: Pipeline,
    /// Where the lane was published to before.
    pub(super) from: Option<(u64, u64)>,
    /// Where it is afterwards.
    pub(super) to: Stand,
}

/// What came of a step.
pub(super) struct Stepped {
    /// Commands that failed.
    pub(super) failed: u64,
    /// The next frames, oldest first.
    pub(super) frames: Vec<Vec<u8>>,
}

/// What a round of scripts answers: false is read as none.
type TakeAnswer = Option<Vec<Vec<u8>>>;

impl Ledger {
    pub(super) fn new(pair: &Arc<str>, link: Arc<Link>) -> Self {
        Self {
            lane: keys::lane(pair),
            processing: keys::lane_processing(pair),
            position: keys::lane_position(pair),
            state: keys::lane_state(pair),
            pair: Arc::clone(pair),
            link,
        }
    }

    /// What an earlier consumer left. Bytes that can't be read are named in the log and gone without.
    pub(super) async fn left(&self) -> Result<Left, LinkError> {
        type Answer = (HashMap<String, Vec<u8>>, Vec<Vec<u8>>, (Option<u64>, Option<u64>));
        let mut pipeline = redis::pipe();
        pipeline.cmd("HGETALL").arg(&self.state);
        pipeline.cmd("LRANGE").arg(&self.processing).arg(0).arg(-1);
        pipeline.cmd("HMGET").arg(&self.position).arg("run").arg("index");
        let (state, mut frames, (run, index)): Answer = self.link.run(&pipeline).await?;
        frames.reverse();
        let mut left = Left { frames, published: run.zip(index), ..Left::default() };
        for (field, bytes) in state {
            let (pair, key) = (&*self.pair, self.state.as_str());
            if field == BOOK {
                match Checkpoint::decode(&bytes) {
                    Ok(checkpoint) => left.checkpoint = Some(checkpoint),
                    Err(error) => {
                        tracing::warn!(pair, key, field, "the lane's checkpoint can't be used, and it begins at the next keyframe: {error}")
                    }
                }
            } else {
                match decode_state(&bytes) {
                    Ok(saved) => {
                        left.states.insert(field, saved);
                    }
                    Err(error) => tracing::warn!(pair, key, field, "a plugin's saved state can't be used, and it warms up: {error}"),
                }
            }
        }
        Ok(left)
    }

    /// Publishes a step, if there is one, and takes up to `most` frames, in one round trip. `held`: frames of the processing List that are
    /// known. None: the lane stands elsewhere than this consumer thinks.
    pub(super) async fn round(&self, step: Option<&Step>, held: usize, most: usize) -> Result<Option<Stepped>, LinkError> {
        let mut pipeline = redis::pipe();
        if let Some(step) = step {
            self.publish(&mut pipeline, step);
        }
        take(&mut pipeline, &self.lane, &self.processing, most, held);
        let (failed, taken) = if step.is_some() {
            self.run::<(Option<u64>, TakeAnswer)>(&pipeline).await?
        } else {
            let (taken,) = self.run::<(TakeAnswer,)>(&pipeline).await?;
            (Some(0), taken)
        };
        Ok(failed.zip(taken).map(|(failed, frames)| Stepped { failed, frames }))
    }

    fn publish(&self, pipeline: &mut Pipeline, step: &Step) {
        let text = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
        let command = pipeline.cmd("EVALSHA").arg(PUBLISH.hash.as_str()).arg(2).arg(&self.position).arg(keys::analysis(&self.pair));
        command.arg(text(step.from.map(|from| from.0))).arg(text(step.from.map(|from| from.1)));
        command.arg(step.to.run).arg(step.to.index);
        command.arg(step.to.sequence.map_or_else(String::new, |sequence| sequence.to_string()));
        for one in step.readings.cmd_iter() {
            command.arg(one.args_iter().count());
            for word in one.args_iter() {
                match word {
                    redis::Arg::Simple(bytes) => command.arg(bytes),
                    // Only SCAN has one, and no reading scans.
                    _ => command.arg(0),
                };
            }
        }
    }

    /// Writes the checkpoint at a published position and takes the frames before it, `analysed` of them, off the processing List. Whether
    /// the lane stands where this consumer thinks.
    pub(super) async fn checkpoint(
        &self,
        at: Stand,
        book: Vec<u8>,
        states: Vec<(Arc<str>, Vec<u8>)>,
        analysed: usize,
    ) -> Result<bool, LinkError> {
        let mut pipeline = redis::pipe();
        let command = pipeline.cmd("EVALSHA").arg(CHECKPOINT.hash.as_str());
        command.arg(3).arg(&self.position).arg(&self.processing).arg(&self.state);
        command.arg(at.run).arg(at.index).arg(format!("{}:{}", at.run, at.index)).arg(analysed).arg(BOOK).arg(book);
        for (plugin, state) in states {
            command.arg(&*plugin).arg(state);
        }
        let (done,): (Option<u64>,) = self.run(&pipeline).await?;
        Ok(done.is_some())
    }

    /// Runs scripts by their digests; where Redis doesn't have them (it is new, or a replica took over) they are loaded first.
    async fn run<T: redis::FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, LinkError> {
        match self.link.run(pipeline).await {
            // In the library's words.
            Err(LinkError::Refused { detail, .. }) if detail.to_ascii_uppercase().contains("NOSCRIPT") => {
                let mut load = redis::pipe();
                for script in [&TAKE, &PUBLISH, &CHECKPOINT] {
                    load.cmd("SCRIPT").arg("LOAD").arg(script.text).ignore();
                }
                self.link.run::<()>(&load).await?;
                self.link.run(pipeline).await
            }
            answer => answer,
        }
    }
}
