//! The wall-clock deadline: one thread that sleeps until a running call is due, and advances the engine's epoch only then.
//!
//! An epoch that ticks each millisecond wakes the machine a thousand times a second for nothing. So a call's epoch deadline is the next
//! tick, whenever that comes; its due time stands here; and when a tick comes for another call, the Store's callback sees that its own
//! time isn't up and goes on. While a call that is due still runs, the epoch advances every [`GRAIN`], so that none is missed.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How exact a deadline is while a call is overdue.
const GRAIN: Duration = Duration::from_millis(1);
/// While calls come and go the thread wakes no rarer than this; a call that is due earlier wakes it.
const ROUND: Duration = Duration::from_millis(50);
/// Rounds without a call, after which it sleeps until there is one.
const IDLE_ROUNDS: u32 = 4;

/// The thread and what it watches; ends with the last owner.
pub(super) struct Watchdog {
    shared: Arc<Shared>,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    /// When each running call is due; places are used again, so there are as many as calls ran at once.
    due: Vec<Option<Instant>>,
    /// When the thread wakes by itself; none: it sleeps until it is woken.
    wakes: Option<Instant>,
    /// Calls that began since it last woke.
    began: bool,
    stop: bool,
}

/// One running call; it is watched until this is dropped.
pub(super) struct Watch<'a> {
    shared: &'a Shared,
    place: usize,
}

impl Watchdog {
    /// Starts the thread. `advance` is called on it whenever a running call is due.
    pub(super) fn start(advance: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let its = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("watchdog".to_owned()).spawn(move || its.run(&advance))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Watches a call that must have ended at `due`. The Store's epoch deadline must be set before, or a tick could come in between unseen.
    pub(super) fn watch(&self, due: Instant) -> Watch<'_> {
        let mut state = self.shared.lock();
        let place = state.due.iter().position(Option::is_none).unwrap_or_else(|| {
            state.due.push(None);
            state.due.len() - 1
        });
        state.due[place] = Some(due);
        state.began = true;
        let too_late = state.wakes.is_none_or(|wakes| wakes > due);
        drop(state);
        if too_late {
            self.shared.wake.notify_one();
        }
        Watch { shared: &self.shared, place }
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.shared.lock().due[self.place] = None;
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            // It can only fail if the thread panicked, and then there is nothing left to stop.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock can panic half way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, advance: &impl Fn()) {
        let mut idle = 0;
        let mut state = self.lock();
        while !state.stop {
            let now = Instant::now();
            let earliest = state.due.iter().flatten().min().copied();
            idle = if earliest.is_some() || state.began { 0 } else { idle + 1 };
            state.began = false;
            state.wakes = match earliest {
                Some(due) if due <= now => {
                    advance();
                    Some(now + GRAIN)
                }
                Some(due) => Some(due.min(now + ROUND)),
                None if idle < IDLE_ROUNDS => Some(now + ROUND),
                None => None,
            };
            state = match state.wakes {
                Some(wakes) => {
                    self.wake.wait_timeout(state, wakes.saturating_duration_since(now)).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that can't go on fails.
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    fn counting() -> (Watchdog, Arc<AtomicU64>) {
        let ticks = Arc::new(AtomicU64::new(0));
        let its = Arc::clone(&ticks);
        let advance = move || {
            its.fetch_add(1, Ordering::SeqCst);
        };
        (Watchdog::start(advance).unwrap(), ticks)
    }

    #[test]
    fn a_call_that_ends_in_time_costs_no_tick_and_one_that_does_not_gets_ticks_until_it_ends() {
        let (watchdog, ticks) = counting();
        for _ in 0..1000 {
            drop(watchdog.watch(Instant::now() + Duration::from_secs(3600)));
        }
        assert_eq!(ticks.load(Ordering::SeqCst), 0);
        let due = Instant::now() + Duration::from_millis(5);
        let call = watchdog.watch(due);
        // More than one, since a first tick may fall between a Store's look at the clock and its new epoch deadline.
        while ticks.load(Ordering::SeqCst) < 3 {
            assert!(Instant::now() < due + Duration::from_secs(10), "no tick came");
            std::thread::yield_now();
        }
        assert!(Instant::now() >= due, "no tick before a call is due");
        drop(call);
    }

    #[test]
    fn an_earlier_call_is_not_kept_waiting_by_a_later_one() {
        let (watchdog, ticks) = counting();
        let later = watchdog.watch(Instant::now() + Duration::from_secs(3600));
        let soon = watchdog.watch(Instant::now());
        let began = Instant::now();
        while ticks.load(Ordering::SeqCst) == 0 {
            assert!(began.elapsed() < Duration::from_secs(10), "no tick came");
            std::thread::yield_now();
        }
        drop((later, soon));
    }

    #[test]
    fn calls_of_many_threads_are_all_ended() {
        let (watchdog, ticks) = counting();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (watchdog, ticks) = (&watchdog, &ticks);
                scope.spawn(move || {
                    for call in 0..20 {
                        let before = ticks.load(Ordering::SeqCst);
                        let due = Instant::now() + Duration::from_micros((thread * 7 + call) % 13 * 100);
                        let _watch = watchdog.watch(due);
                        while ticks.load(Ordering::SeqCst) == before {
                            assert!(Instant::now() < due + Duration::from_secs(10), "a call was forgotten");
                            std::thread::yield_now();
                        }
                    }
                });
            }
        });
    }
}
