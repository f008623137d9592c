//! The slow half of writing: data forced to the disk, and the manifest replaced, in a thread of its own.
//!
//! A disk may take seconds for it. The recorder's own thread goes on meanwhile, so that no more than the last second is at stake.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use crate::folder::MANIFEST;
use crate::manifest::replace;

/// Jobs that may wait.
const WAITING: usize = 2;

/// What can be asked for.
pub(super) enum Job {
    /// Forces the data of these files to the disk.
    Sync(Vec<Arc<File>>),
    /// Replaces the manifest by this text.
    Manifest(Vec<u8>),
}

/// The last failure of each kind, in words; none once it went well again.
#[derive(Clone, Debug, Default)]
pub(super) struct Failures {
    pub(super) sync: Option<String>,
    pub(super) manifest: Option<String>,
}

/// The thread.
pub(super) struct Keeper {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    failures: Arc<Mutex<Failures>>,
}

impl Keeper {
    pub(super) fn start(folder: PathBuf) -> io::Result<Self> {
        let (jobs, waiting) = sync_channel(WAITING);
        let failures = Arc::new(Mutex::new(Failures::default()));
        let told = Arc::clone(&failures);
        let thread = Builder::new().name("recorder-disk".to_owned()).spawn(move || run(&folder, &waiting, &told))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), failures })
    }

    /// Hands over a job; gives it back when too many wait.
    pub(super) fn try_do(&self, job: Job) -> Result<(), Job> {
        let Some(jobs) = &self.jobs else { return Err(job) };
        jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(job) | TrySendError::Disconnected(job) => job,
        })
    }

    pub(super) fn failures(&self) -> Failures {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Does what waits, and ends.
    pub(super) fn end(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // It doesn't panic; if it did, the manifest is written once more by whoever ends it.
            let _ = thread.join();
        }
    }
}

fn run(folder: &std::path::Path, jobs: &Receiver<Job>, failures: &Mutex<Failures>) {
    for job in jobs {
        let failed = |result: io::Result<()>, what: &str| result.err().map(|error| format!("{}: {what}: {error}", folder.display()));
        match job {
            Job::Sync(files) => {
                let result = files.iter().try_for_each(|file| file.sync_data());
                failures.lock().unwrap_or_else(PoisonError::into_inner).sync = failed(result, "data can't be forced to the disk");
            }
            Job::Manifest(text) => {
                let result = replace(&folder.join(MANIFEST), &text);
                failures.lock().unwrap_or_else(PoisonError::into_inner).manifest = failed(result, "the manifest can't be written");
            }
        }
    }
}
