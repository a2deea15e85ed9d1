//! A gate in a step: the test hears that the step runs, and says when it goes on.

use std::io::Write;
use std::net::{TcpListener, TcpStream};

use crate::lab::wait_until;

/// A step waits at it by `command`, in the host's network.
pub struct Gate(TcpListener);

/// A step that waits. It goes on when this is opened or dropped.
pub struct Waiting(TcpStream);

impl Gate {
    pub fn new() -> Gate {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Gate(listener)
    }

    /// The command that waits; no other is like it.
    pub fn command(&self) -> String {
        format!("wget -q -O /dev/null http://{}/", self.0.local_addr().unwrap())
    }

    /// Waits until a step has come to the gate.
    #[track_caller]
    pub fn reached(&self) -> Waiting {
        let mut step = None;
        wait_until("a step is at the gate", || {
            step = self.0.accept().ok();
            step.is_some()
        });
        Waiting(step.unwrap().0)
    }
}

impl Waiting {
    /// Lets the step go on.
    pub fn open(mut self) {
        // A step that was cancelled hears it no more.
        let _ = self.0.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
}
