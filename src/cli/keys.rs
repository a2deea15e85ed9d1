//! Keys of watch mode: read one by one from the terminal, which is set back whatever way f3s ends.

use std::io::{IsTerminal, Read};
use std::sync::Mutex;

use rustix::termios::{LocalModes, OptionalActions, Termios};
use tokio::sync::mpsc::{self, UnboundedReceiver};

/// The terminal as it was; `None` while it is as it was.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Rebuild,
    Force,
    /// Select the next image.
    Next,
    Log,
    Quit,
}

impl Key {
    fn of(byte: u8) -> Option<Key> {
        match byte {
            b'r' => Some(Key::Rebuild),
            b'f' => Some(Key::Force),
            b'\t' | b'n' => Some(Key::Next),
            b'l' => Some(Key::Log),
            b'q' => Some(Key::Quit),
            _ => None,
        }
    }
}

/// What the keys do, for a line at the bottom.
pub const HELP: &str = "r rebuild, f force, n next image, l log, q quit";

/// Listens while it lives. `None` where standard input is no terminal.
pub struct Keys {
    keys: UnboundedReceiver<Key>,
}

impl Keys {
    pub fn listen() -> Option<Keys> {
        let stdin = std::io::stdin();
        if !stdin.is_terminal() || !std::io::stderr().is_terminal() {
            return None;
        }
        take()?;
        let (sender, keys) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for byte in std::io::stdin().lock().bytes().map_while(Result::ok) {
                if let Some(key) = Key::of(byte)
                    && sender.send(key).is_err()
                {
                    break;
                }
            }
        });
        Some(Keys { keys })
    }

    /// The next key; never, when nobody types.
    pub async fn next(keys: &mut Option<Keys>) -> Key {
        let pressed = match keys {
            Some(keys) => keys.keys.recv().await,
            None => None,
        };
        match pressed {
            Some(key) => key,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        restore();
    }
}

/// Takes the terminal: keys arrive one by one and are not shown. `None` where that cannot be.
pub fn take() -> Option<()> {
    let stdin = std::io::stdin();
    let before = rustix::termios::tcgetattr(&stdin).ok()?;
    let mut raw = before.clone();
    // Ctrl-C stays a signal; only lines and echo go.
    raw.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
    rustix::termios::tcsetattr(&stdin, OptionalActions::Now, &raw).ok()?;
    *BEFORE.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(before);
    Some(())
}

/// Sets the terminal back, also for a way out that drops nothing; true when it was taken.
pub fn restore() -> bool {
    let before = BEFORE.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
    let Some(before) = before else { return false };
    let _ = rustix::termios::tcsetattr(std::io::stdin(), OptionalActions::Now, &before);
    true
}
