//! Runs another program to its end: its own process group, input fed, output gathered, a deadline kept.

use crate::launch;
use crate::natives::Arguments;
use crate::request::{self, Outcome, Request};
use crate::sys::{self, Pollfd, Timespec};
use crate::views;
use core::ffi::c_int;
use rquickjs_sys as q;

const POLLIN: i16 = 1;
const POLLOUT: i16 = 4;

/// `engine.spawn(request)`.
pub unsafe fn spawn(ctx: *mut q::JSContext, arguments: Arguments) -> q::JSValue {
    let request = arguments.at(0);
    let stdin = q::JS_GetPropertyStr(ctx, request, c"stdin".as_ptr());
    let input = match views::bytes_of(ctx, stdin) {
        Some((_, 0)) => &[][..],
        Some((start, length)) => core::slice::from_raw_parts(start as *const u8, length),
        None => {
            q::JS_FreeValue(ctx, stdin);
            return q::JS_ThrowTypeError(ctx, c"spawn takes its stdin as a typed array".as_ptr());
        }
    };
    let result = match request::read(ctx, request) {
        Some(request) => request::to_object(ctx, &run(&request, input)),
        None => q::JS_EXCEPTION,
    };
    q::JS_FreeValue(ctx, stdin);
    result
}

fn close(fd: &mut c_int) {
    if *fd >= 0 {
        unsafe { sys::syscall(sys::CLOSE, [*fd as usize]) };
        *fd = -1;
    }
}

unsafe fn run(request: &Request, input: &[u8]) -> Outcome {
    match request.descriptors {
        Some(standard) => run_on(request, standard),
        None => run_on_pipes(request, input),
    }
}

/// On the caller's own descriptors: there is nothing to do but to wait.
unsafe fn run_on(request: &Request, standard: [c_int; 3]) -> Outcome {
    let mut outcome = Outcome {
        status: -1,
        ..Default::default()
    };
    match launch::start(request, standard) {
        Ok(pid) => {
            wait(&mut outcome, pid, 0);
        }
        Err(errno) => outcome.error = errno,
    }
    outcome
}

unsafe fn run_on_pipes(request: &Request, input: &[u8]) -> Outcome {
    let mut pipes = [[-1 as c_int; 2]; 3];
    for pipe in &mut pipes {
        let error = sys::syscall(sys::PIPE2, [pipe.as_mut_ptr() as usize, sys::O_CLOEXEC]);
        if error < 0 {
            pipes.iter_mut().flatten().for_each(close);
            return Outcome {
                error: -error as i32,
                status: -1,
                ..Default::default()
            };
        }
    }
    let [mut child_in, mut child_out, mut child_err] = [pipes[0][0], pipes[1][1], pipes[2][1]];
    let started = launch::start(request, [child_in, child_out, child_err]);
    [&mut child_in, &mut child_out, &mut child_err]
        .into_iter()
        .for_each(close);

    let mut talk = Talk {
        ends: [pipes[0][1], pipes[1][0], pipes[2][0]],
        input,
        outcome: Outcome {
            status: -1,
            ..Default::default()
        },
        until: sys::monotonic_ms().saturating_add(request.deadline_ms),
        request,
    };
    match started {
        Ok(pid) => talk.finish(pid),
        Err(errno) => talk.outcome.error = errno,
    }
    talk.ends.iter_mut().for_each(close);
    talk.outcome
}

/// A conversation with a running child.
struct Talk<'a> {
    /// Our ends of its standard input, output and error; -1 once closed.
    ends: [c_int; 3],
    input: &'a [u8],
    outcome: Outcome,
    until: i64,
    request: &'a Request,
}

impl Talk<'_> {
    unsafe fn finish(&mut self, pid: usize) {
        const NON_BLOCKING: usize = 0o4000;
        const SET_FLAGS: usize = 4;
        sys::syscall(
            sys::FCNTL,
            [self.ends[0] as usize, SET_FLAGS, NON_BLOCKING | 1],
        );
        self.feed();
        while self.ends[1] >= 0 || self.ends[2] >= 0 {
            if self.outcome.error != 0 || !self.step(-1) {
                return self.kill(pid);
            }
        }
        close(&mut self.ends[0]);
        // It closed its output; that it also ends soon is likely, but not sure.
        const NO_HANG: usize = 1;
        if self.request.deadline_ms <= 0 && self.request.cancel_fd < 0 {
            wait(&mut self.outcome, pid, 0);
            return;
        }
        if wait(&mut self.outcome, pid, NO_HANG) {
            return;
        }
        let pidfd = sys::syscall(sys::PIDFD_OPEN, [pid]);
        let mut pidfd = if pidfd < 0 { -1 } else { pidfd as c_int };
        while !wait(&mut self.outcome, pid, NO_HANG) {
            if !self.step(pidfd) {
                close(&mut pidfd);
                return self.kill(pid);
            }
        }
        close(&mut pidfd);
    }

    /// Waits for something to do and does it. False: the deadline is over, the caller's descriptor says to stop, or
    /// what the child reads or writes got lost.
    unsafe fn step(&mut self, pidfd: c_int) -> bool {
        let limited = self.request.deadline_ms > 0;
        let mut left = if limited {
            self.until - sys::monotonic_ms()
        } else {
            i64::MAX
        };
        if left <= 0 {
            self.outcome.timed_out = true;
            return false;
        }
        let waits_for_end = self.ends[1] < 0 && self.ends[2] < 0;
        if waits_for_end && pidfd < 0 {
            left = left.min(5); // no pidfd before Linux 5.3: look again now and then
        }
        let poll = |fd, events| Pollfd {
            fd,
            events,
            revents: 0,
        };
        let mut polls = [
            poll(self.ends[0], POLLOUT),
            poll(self.ends[1], POLLIN),
            poll(self.ends[2], POLLIN),
            poll(self.request.cancel_fd, POLLIN),
            poll(pidfd, POLLIN),
        ];
        let time = Timespec {
            seconds: left / 1000,
            nanoseconds: left % 1000 * 1_000_000,
        };
        let wait = if left == i64::MAX {
            0
        } else {
            &raw const time as usize
        };
        let ready = sys::syscall(
            sys::PPOLL,
            [polls.as_mut_ptr() as usize, polls.len(), wait, 0, 8],
        );
        if ready <= 0 {
            return true;
        }
        if polls[3].revents != 0 {
            self.outcome.cancelled = true;
            return false;
        }
        if polls[0].revents != 0 {
            self.feed();
        }
        for i in [1, 2] {
            if polls[i].revents != 0 {
                self.gather(i);
            }
        }
        self.outcome.error == 0
    }

    unsafe fn feed(&mut self) {
        while !self.input.is_empty() {
            let word = [
                self.ends[0] as usize,
                self.input.as_ptr() as usize,
                self.input.len(),
            ];
            match sys::syscall(sys::WRITE, word) {
                n if n > 0 => self.input = &self.input[n as usize..],
                n if n == -sys::EINTR => {}
                n if n == -sys::EAGAIN => return,
                n if n == 0 || n == -sys::EPIPE => break, // the child does not want it
                n => {
                    self.outcome.error = -n as i32; // it must not go on with a part
                    break;
                }
            }
        }
        close(&mut self.ends[0]);
    }

    unsafe fn gather(&mut self, end: usize) {
        let mut piece = [0u8; 16384];
        let word = [
            self.ends[end] as usize,
            piece.as_mut_ptr() as usize,
            piece.len(),
        ];
        match sys::syscall(sys::READ, word) {
            n if n > 0 => {
                let to = if end == 1 {
                    &mut self.outcome.stdout
                } else {
                    &mut self.outcome.stderr
                };
                match to.try_reserve(n as usize) {
                    Ok(()) => to.extend_from_slice(&piece[..n as usize]),
                    Err(_) => self.outcome.error = sys::ENOMEM,
                }
            }
            n if n == -sys::EINTR => {}
            0 => close(&mut self.ends[end]),
            n => self.outcome.error = -n as i32, // what is there may be a part
        }
    }

    unsafe fn kill(&mut self, pid: usize) {
        sys::syscall(sys::KILL, [pid.wrapping_neg(), sys::SIGKILL]);
        wait(&mut self.outcome, pid, 0);
    }
}

/// True once the child has ended, and then the outcome says how.
unsafe fn wait(outcome: &mut Outcome, pid: usize, options: usize) -> bool {
    let mut status: c_int = 0;
    let word = [pid, &raw mut status as usize, options];
    let found = loop {
        match sys::syscall(sys::WAIT4, word) {
            n if n == -sys::EINTR => {}
            n => break n,
        }
    };
    if found == 0 {
        return false;
    }
    if found > 0 {
        outcome.signal = status & 0x7f;
        outcome.status = if status & 0x7f == 0 {
            status >> 8 & 0xff
        } else {
            -1
        };
    }
    true
}
