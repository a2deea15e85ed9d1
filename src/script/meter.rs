//! What evaluating one recipe, with all its variants, may use: memory of its thread, work, and processor time.
//!
//! Rhai limits what a single value holds; many of them, or one that holds functions, are only seen here. It counts operations,
//! but forgets those of functions that functions of Rust call, as `map` and `sort` do, and a function of Rust is one, however
//! much it copies. Here all of them are counted, and what is allocated is counted as work, too. Both are counted, not measured, so
//! that the same script ends at the same line everywhere. Processor time is the net below: it ends what takes neither memory nor
//! work, such as searching in large texts, however busy the machine is.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::{Duration, Instant};

/// Bytes. An operation can at most double what a script holds.
pub const MAX_MEMORY: usize = 96_000_000;
/// What one run of a script may do, in units of about the same time: operations, allocations, and so many bytes of these. A
/// recipe takes some thousands.
pub const MAX_WORK: u64 = 5_000_000;
const BYTES_OF_A_UNIT: usize = 1024;
/// What grows seldom has to move: the system gives it more where it lies.
const BYTES_OF_A_UNIT_GROWN: usize = 16 * BYTES_OF_A_UNIT;
/// A recipe takes some milliseconds; without optimization ten times as many.
const MAX_TIME: Duration = Duration::from_secs(if cfg!(debug_assertions) { 10 } else { 1 });
/// How far apart looks at the clock of the processor are, which is a call of the system. An operation may take some
/// hundredths of a second.
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);
/// Operations between two looks at the other clock.
const OPERATIONS_PER_LOOK: u32 = 4;

thread_local! {
    /// Bytes that the thread has allocated and not freed. What another thread frees stays counted.
    static HELD: Cell<isize> = const { Cell::new(0) };
    /// Units of work that the thread has done.
    static DONE: Cell<u64> = const { Cell::new(0) };
    /// As it was when the evaluation began.
    static START: Cell<Option<Start>> = const { Cell::new(None) };
    /// How many operations are left until a look at the clock, and when that of the processor was looked at.
    static UNTIL_LOOK: Cell<u32> = const { Cell::new(0) };
    static LOOKED: Cell<Option<Instant>> = const { Cell::new(None) };
    /// What was used up already: functions that go on when one of their calls fails, as `sort` does, get no further.
    static FOUND: Cell<Option<Excess>> = const { Cell::new(None) };
}

/// What an evaluation used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    Memory,
    Work,
    Time,
}

#[derive(Clone, Copy)]
struct Start {
    held: isize,
    done: u64,
    time: Duration,
}

/// The system's allocator, counting. What counts for a whole process cannot tell one evaluation from those beside it, and what
/// sums up a thread's allocations when they are done comes too late.
struct Counting;

/// Counts work that allocates nothing.
pub fn charge(units: usize) {
    let _ = DONE.try_with(|done| done.set(done.get().wrapping_add(units as u64)));
}

fn count(bytes: isize) {
    // A thread that ends frees, too, when its counter is gone.
    let _ = HELD.try_with(|held| held.set(held.get().wrapping_add(bytes)));
}

// SAFETY: every call is handed on to the system's allocator as it came; counting neither allocates nor panics.
#[expect(unsafe_code, reason = "the trait is unsafe to implement")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        charge(1 + layout.size() / BYTES_OF_A_UNIT);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        charge(1 + layout.size() / BYTES_OF_A_UNIT);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        charge(1 + size.saturating_sub(layout.size()) / BYTES_OF_A_UNIT + size / BYTES_OF_A_UNIT_GROWN);
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

/// Units of work that this thread has done.
#[cfg(test)]
pub fn done() -> u64 {
    DONE.get()
}

/// Begins to measure this thread for a recipe.
pub fn start() {
    FOUND.set(None);
    UNTIL_LOOK.set(0);
    LOOKED.set(None);
    START.set(Some(Start { held: HELD.get(), done: DONE.get(), time: now() }));
}

/// Begins a run of its script: a recipe with many variants has as many.
pub fn start_run() {
    START.set(START.get().map(|start| Start { done: DONE.get(), ..start }));
}

/// What the evaluation on this thread has used up, if anything; asked before every operation.
pub fn excess() -> Option<Excess> {
    charge(1);
    if FOUND.get().is_none() {
        FOUND.set(found());
    }
    FOUND.get()
}

fn found() -> Option<Excess> {
    let start = START.get()?;
    if HELD.get().wrapping_sub(start.held) > MAX_MEMORY as isize {
        return Some(Excess::Memory);
    }
    if DONE.get().wrapping_sub(start.done) > MAX_WORK {
        return Some(Excess::Work);
    }
    (is_time_to_look() && now().saturating_sub(start.time) > MAX_TIME).then_some(Excess::Time)
}

fn is_time_to_look() -> bool {
    if let Some(left) = UNTIL_LOOK.get().checked_sub(1) {
        UNTIL_LOOK.set(left);
        return false;
    }
    UNTIL_LOOK.set(OPERATIONS_PER_LOOK - 1);
    let is_time = LOOKED.get().is_none_or(|looked| looked.elapsed() >= BETWEEN_LOOKS);
    if is_time {
        LOOKED.set(Some(Instant::now()));
    }
    is_time
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_copied_is_work_and_what_others_copy_is_none() {
        start();
        let before = DONE.get();
        let list = vec![0u8; BYTES_OF_A_UNIT * 1000];
        let copies: Vec<Vec<u8>> = (0..10).map(|_| list.clone()).collect();
        let done = DONE.get() - before;
        assert!((11_000..11_100).contains(&done), "{done}");
        std::thread::spawn(move || copies.len()).join().unwrap();
        charge(MAX_WORK as usize);
        assert_eq!(excess(), Some(Excess::Work));
        start_run();
        // What was too much once stays so, until the next recipe.
        assert_eq!(excess(), Some(Excess::Work));
        start();
        assert_eq!(excess(), None);
        charge(MAX_WORK as usize - 10);
        start_run();
        charge(MAX_WORK as usize - 10);
        assert_eq!(excess(), None);
    }

    #[test]
    fn what_is_held_counts_and_what_is_freed_does_not() {
        start();
        for _ in 0..3 {
            let half: Vec<u8> = vec![1; MAX_MEMORY / 2 + 1];
            assert_eq!((half[0], excess()), (1, None));
        }
        let halves = [vec![1u8; MAX_MEMORY / 2 + 1], vec![1; MAX_MEMORY / 2 + 1]];
        assert_eq!((halves[0][0], excess()), (1, Some(Excess::Memory)));
        drop(halves);
        assert_eq!(excess(), Some(Excess::Memory));
        start();
        assert_eq!(excess(), None);
        // Another thread has a count of its own.
        std::thread::spawn(|| assert_eq!(excess(), None)).join().unwrap();
    }
}
