//! Signals: what ends a run, and what puts it to sleep.

use std::time::Duration;

use rustix::process::Signal;
use tokio::signal::unix::{self, SignalKind};
use tokio::sync::mpsc::WeakUnboundedSender;
use tokio_util::sync::CancellationToken;

use super::keys;
use crate::event::Event;

const A_MOMENT: Duration = Duration::from_millis(30);
/// Exit codes of what ends at once: 128 and the signal's number.
const INTERRUPTED: i32 = 130;
const QUIT: i32 = 131;

/// The first Ctrl-C, SIGTERM or end of the terminal ends the run cleanly, a second one ends f3s at once, as Ctrl-\ does.
/// `events` are told so, while somebody listens.
pub async fn cancel(cancel: CancellationToken, events: WeakUnboundedSender<Event>) {
    let listen = |kind| unix::signal(kind).ok();
    let mut ending = [SignalKind::interrupt(), SignalKind::terminate()].map(listen);
    // Under `nohup` the end of the terminal is no reason to end.
    let mut hang_up = (!is_ignored(Signal::HUP)).then(|| listen(SignalKind::hangup())).flatten();
    let mut quit = listen(SignalKind::quit());
    let [interrupt, terminate] = &mut ending;
    loop {
        tokio::select! {
            () = next(interrupt) => {}
            () = next(terminate) => {}
            () = next(&mut hang_up) => {}
            () = next(&mut quit) => {
                keys::restore();
                std::process::exit(QUIT);
            }
        }
        if cancel.is_cancelled() {
            keys::restore();
            std::process::exit(INTERRUPTED);
        }
        if let Some(events) = events.upgrade() {
            let message = "ending the run; once more to quit at once".to_owned();
            let _ = events.send(Event::Note { message });
        }
        cancel.cancel();
    }
}

/// Gives the terminal back while Ctrl-Z keeps f3s asleep, and takes it again afterwards.
pub async fn sleep_on_stop(events: WeakUnboundedSender<Event>) {
    let listen = |signal: Signal| unix::signal(SignalKind::from_raw(signal.as_raw())).ok();
    let (mut stop, mut go_on) = (listen(Signal::TSTP), listen(Signal::CONT));
    loop {
        next(&mut stop).await;
        if let Some(events) = events.upgrade() {
            let _ = events.send(Event::Paused);
            // Long enough for a report to leave the screen to others.
            tokio::time::sleep(A_MOMENT).await;
        }
        let was_taken = keys::restore();
        // This thread may run on for a moment: only the other signal tells that f3s was asleep and is not.
        let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::STOP);
        next(&mut go_on).await;
        if was_taken {
            keys::take();
        }
    }
}

/// Waits for a signal; for ever, when it cannot be listened to.
async fn next(signal: &mut Option<unix::Signal>) {
    match signal {
        Some(signal) => _ = signal.recv().await,
        None => std::future::pending().await,
    }
}

/// True when f3s was started with the signal ignored (proc(5), `SigIgn`).
fn is_ignored(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    mask >> (signal.as_raw() - 1) & 1 == 1
}
