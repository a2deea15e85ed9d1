//! What evaluating one recipe, with all its variants, may use: memory of its thread, and processor time.
//!
//! Rhai limits what a single value holds; many of them, or one that holds functions, are only seen here. A thread's memory is
//! counted as it is allocated, so that the same script ends at the same line everywhere. Processor time is the net below: it
//! ends what takes neither memory nor operations, however busy the machine is.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

/// Bytes. An operation can at most double what a script holds.
pub const MAX_MEMORY: usize = 96_000_000;
/// A recipe takes some milliseconds; without optimization ten times as many.
const MAX_TIME: Duration = Duration::from_secs(if cfg!(debug_assertions) { 2 } else { 1 });
/// Operations between two looks at the clock, which is a call of the system.
const OPERATIONS_PER_LOOK: u64 = 64;

thread_local! {
    /// Bytes that the thread has allocated and not freed. What another thread frees stays counted.
    static HELD: Cell<isize> = const { Cell::new(0) };
    /// What was held, and the time, when the evaluation began.
    static START: Cell<Option<(isize, Duration)>> = const { Cell::new(None) };
    /// What was used up already: functions that go on when one of their calls fails, as `sort` does, get no further.
    static FOUND: Cell<Option<Excess>> = const { Cell::new(None) };
}

/// What an evaluation used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    Memory,
    Time,
}

/// The system's allocator, counting. What counts for a whole process cannot tell one evaluation from those beside it, and what
/// sums up a thread's allocations when they are done comes too late.
struct Counting;

fn count(bytes: isize) {
    // A thread that ends frees, too, when its counter is gone.
    let _ = HELD.try_with(|held| held.set(held.get().wrapping_add(bytes)));
}

// SAFETY: every call is handed on to the system's allocator as it came; counting neither allocates nor panics.
#[expect(unsafe_code, reason = "the trait is unsafe to implement")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The processor time that this thread has used.
fn now() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Begins to measure this thread.
pub fn start() {
    FOUND.set(None);
    START.set(Some((HELD.get(), now())));
}

/// What the evaluation on this thread has used up, if anything. `operations`: how many it has done.
pub fn excess(operations: u64) -> Option<Excess> {
    if FOUND.get().is_none() {
        FOUND.set(found(operations));
    }
    FOUND.get()
}

fn found(operations: u64) -> Option<Excess> {
    let (held, time) = START.get()?;
    if HELD.get().wrapping_sub(held) > MAX_MEMORY as isize {
        return Some(Excess::Memory);
    }
    let is_late = operations.is_multiple_of(OPERATIONS_PER_LOOK) && now().saturating_sub(time) > MAX_TIME;
    is_late.then_some(Excess::Time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_counts_and_what_is_freed_does_not() {
        start();
        for _ in 0..3 {
            let half: Vec<u8> = vec![1; MAX_MEMORY / 2 + 1];
            assert_eq!((half[0], excess(1)), (1, None));
        }
        let halves = [vec![1u8; MAX_MEMORY / 2 + 1], vec![1; MAX_MEMORY / 2 + 1]];
        assert_eq!((halves[0][0], excess(1)), (1, Some(Excess::Memory)));
        drop(halves);
        // What was too much once stays so, until the next evaluation.
        assert_eq!(excess(1), Some(Excess::Memory));
        start();
        assert_eq!(excess(1), None);
        // Another thread has a count of its own.
        std::thread::spawn(|| assert_eq!(excess(1), None)).join().unwrap();
    }
}
