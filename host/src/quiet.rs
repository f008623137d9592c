//! Work beside the hot threads: at a low priority, and on one thread.

use std::sync::Arc;
use std::thread::JoinHandle;

/// How much lower the priority is: a thread that works for the books gets nine times the processor time of one of these, where they compete.
const NICE: i32 = 10;

/// Lowers the priority of the calling thread, for good. A system that refuses is told in the log: the work is done all the same.
fn lower_priority() {
    let thread = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(thread), NICE) {
        tracing::warn!("a thread for work in the background keeps its priority: {error}");
    }
}

/// Starts a thread of a low priority.
pub(crate) fn spawn<T: Send + 'static>(name: &str, work: impl FnOnce() -> T + Send + 'static) -> std::io::Result<JoinHandle<T>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(|| {
        lower_priority();
        work()
    })
}

/// One thread that compiles and tries plugins while the host runs.
///
/// It is a pool of rayon's, since wasmtime compiles the functions of a component on the pool that it is called from: on this one alone, then, and
/// not on every core.
#[derive(Clone)]
pub(crate) struct Quiet(Arc<rayon::ThreadPool>);

impl Quiet {
    /// Starts the thread.
    pub(crate) fn start() -> std::io::Result<Self> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .thread_name(|_| "plugin-loader".to_owned())
            .start_handler(|_| lower_priority())
            .panic_handler(|_| tracing::error!("a plugin's way to the books ended in a panic"))
            .build();
        pool.map(|pool| Self(Arc::new(pool))).map_err(std::io::Error::other)
    }

    /// Does a piece of work when those before it are done.
    pub(crate) fn spawn(&self, work: impl FnOnce() + Send + 'static) {
        self.0.spawn(work);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that can't go on fails.
mod tests {
    use super::*;

    #[test]
    fn work_in_the_background_has_one_thread_of_a_low_priority_that_parallel_work_does_not_leave() {
        use rayon::prelude::*;
        let (sender, receiver) = std::sync::mpsc::channel();
        Quiet::start().unwrap().spawn(move || {
            let priority = || rustix::process::getpriority_process(Some(rustix::thread::gettid())).unwrap();
            let all: Vec<_> = (0..100).into_par_iter().map(|_| (rustix::thread::gettid(), priority())).collect();
            sender.send(all).unwrap();
        });
        let all = receiver.recv().unwrap();
        let here = rustix::process::getpriority_process(None).unwrap();
        assert!(all.iter().all(|one| *one == all[0]), "one thread");
        assert!(all[0].1 >= NICE.max(here), "{:?}, here {here}", all[0]);
    }
}
