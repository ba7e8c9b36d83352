//! Runs another program to its end: its own process group, input fed, output gathered, a deadline kept.

use crate::sys::{self, Pollfd, Timespec};
use crate::{text, views};
use alloc::vec::Vec;
use core::ffi::{c_char, c_int, c_short, c_void};
use core::ptr;
use rquickjs_sys as q;

/// Room for the C library's own records: posix_spawnattr_t (336 bytes) and posix_spawn_file_actions_t (80) in both.
type Opaque = [u64; 64];
/// 1024 signals, as both C libraries have it.
type SignalSet = [u64; 16];

extern "C" {
    fn posix_spawn(
        pid: *mut c_int,
        path: *const c_char,
        actions: *const Opaque,
        attributes: *const Opaque,
        argv: *const *const c_char,
        env: *const *const c_char,
    ) -> c_int;
    fn posix_spawnattr_init(attributes: *mut Opaque) -> c_int;
    fn posix_spawnattr_setflags(attributes: *mut Opaque, flags: c_short) -> c_int;
    fn posix_spawnattr_setsigmask(attributes: *mut Opaque, set: *const SignalSet) -> c_int;
    fn posix_spawnattr_setsigdefault(attributes: *mut Opaque, set: *const SignalSet) -> c_int;
    fn posix_spawn_file_actions_init(actions: *mut Opaque) -> c_int;
    fn posix_spawn_file_actions_adddup2(actions: *mut Opaque, from: c_int, to: c_int) -> c_int;
}

const SET_PROCESS_GROUP: c_short = 2;
const SET_DEFAULT_SIGNALS: c_short = 4;
const SET_SIGNAL_MASK: c_short = 8;
const POLLIN: i16 = 1;
const POLLOUT: i16 = 4;

struct Request {
    path: Vec<u8>,
    argv: Vec<Vec<u8>>,
    env: Vec<Vec<u8>>,
    /// Milliseconds from now; 0 means never.
    deadline_ms: i64,
    cancel_fd: c_int,
}

#[derive(Default)]
struct Outcome {
    error: i32,
    status: i32,
    signal: i32,
    timed_out: bool,
    cancelled: bool,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

/// `engine.spawn(request)`.
pub unsafe fn native(ctx: *mut q::JSContext, request: q::JSValue) -> q::JSValue {
    let stdin = q::JS_GetPropertyStr(ctx, request, c"stdin".as_ptr());
    let input = match views::bytes_of(ctx, stdin) {
        Some((_, 0)) => &[][..],
        Some((start, length)) => core::slice::from_raw_parts(start as *const u8, length),
        None => {
            q::JS_FreeValue(ctx, stdin);
            return q::JS_ThrowTypeError(ctx, c"spawn takes its stdin as a typed array".as_ptr());
        }
    };
    let result = match read_request(ctx, request) {
        Some(request) => to_object(ctx, &run(&request, input)),
        None => q::JS_EXCEPTION,
    };
    q::JS_FreeValue(ctx, stdin);
    result
}

unsafe fn read_request(ctx: *mut q::JSContext, request: q::JSValue) -> Option<Request> {
    let path = q::JS_GetPropertyStr(ctx, request, c"path".as_ptr());
    let argv = q::JS_GetPropertyStr(ctx, request, c"argv".as_ptr());
    let env = q::JS_GetPropertyStr(ctx, request, c"env".as_ptr());
    let read = (|| {
        Some(Request {
            path: c_string(ctx, path)?,
            argv: strings(ctx, argv)?,
            env: variables(ctx, env)?,
            deadline_ms: integer(ctx, request, c"deadlineMs")?,
            cancel_fd: integer(ctx, request, c"cancelFd")? as c_int,
        })
    })();
    for value in [path, argv, env] {
        q::JS_FreeValue(ctx, value);
    }
    read
}

unsafe fn integer(ctx: *mut q::JSContext, of: q::JSValue, name: &core::ffi::CStr) -> Option<i64> {
    let mut number = 0;
    let value = q::JS_GetPropertyStr(ctx, of, name.as_ptr());
    let done = q::JS_ToInt64(ctx, &mut number, value);
    q::JS_FreeValue(ctx, value);
    (done == 0).then_some(number)
}

/// With its NUL at the end.
unsafe fn c_string(ctx: *mut q::JSContext, value: q::JSValue) -> Option<Vec<u8>> {
    let bytes = text::encode(ctx, value, |bytes| bytes.iter().copied().chain([0]).collect::<Vec<u8>>())?;
    if bytes[..bytes.len() - 1].contains(&0) {
        q::JS_ThrowTypeError(ctx, c"spawn takes no text with a NUL in it".as_ptr());
        return None;
    }
    Some(bytes)
}

unsafe fn strings(ctx: *mut q::JSContext, array: q::JSValue) -> Option<Vec<Vec<u8>>> {
    let mut length = 0;
    if q::JS_GetLength(ctx, array, &mut length) != 0 {
        return None;
    }
    (0..length)
        .map(|i| {
            let value = q::JS_GetPropertyInt64(ctx, array, i);
            let text = c_string(ctx, value);
            q::JS_FreeValue(ctx, value);
            text
        })
        .collect()
}

/// "name=value" for each own property.
unsafe fn variables(ctx: *mut q::JSContext, object: q::JSValue) -> Option<Vec<Vec<u8>>> {
    let mut table = ptr::null_mut();
    let mut count = 0;
    let flags = q::JS_GPN_STRING_MASK | q::JS_GPN_ENUM_ONLY;
    if q::JS_GetOwnPropertyNames(ctx, &mut table, &mut count, object, flags as c_int) != 0 {
        return None;
    }
    let list = (0..count as usize)
        .map(|i| {
            let name = q::JS_AtomToString(ctx, (*table.add(i)).atom);
            let value = q::JS_GetProperty(ctx, object, (*table.add(i)).atom);
            let entry = c_string(ctx, name).and_then(|mut entry| {
                entry.pop();
                entry.push(b'=');
                entry.extend(c_string(ctx, value)?);
                Some(entry)
            });
            q::JS_FreeValue(ctx, name);
            q::JS_FreeValue(ctx, value);
            entry
        })
        .collect();
    q::JS_FreePropertyEnum(ctx, table, count);
    list
}

unsafe fn to_object(ctx: *mut q::JSContext, outcome: &Outcome) -> q::JSValue {
    let object = q::JS_NewObject(ctx);
    let truth = |is| if is { q::JS_TRUE } else { q::JS_FALSE };
    let values = [
        (c"error", q::JS_MKVAL(q::JS_TAG_INT, outcome.error)),
        (c"status", q::JS_MKVAL(q::JS_TAG_INT, outcome.status)),
        (c"signal", q::JS_MKVAL(q::JS_TAG_INT, outcome.signal)),
        (c"timedOut", truth(outcome.timed_out)),
        (c"cancelled", truth(outcome.cancelled)),
        (c"stdout", views::new_bytes(ctx, &outcome.stdout)),
        (c"stderr", views::new_bytes(ctx, &outcome.stderr)),
    ];
    let mut failed = false;
    for (name, value) in values {
        failed |= q::JS_IsException(value)
            || q::JS_SetPropertyStr(ctx, object, name.as_ptr(), value) < 0;
    }
    if failed {
        q::JS_FreeValue(ctx, object);
        return q::JS_EXCEPTION;
    }
    object
}

fn close(fd: &mut c_int) {
    if *fd >= 0 {
        unsafe { sys::syscall(sys::CLOSE, [*fd as usize, 0, 0, 0, 0, 0]) };
        *fd = -1;
    }
}

unsafe fn run(request: &Request, input: &[u8]) -> Outcome {
    let mut pipes = [[-1 as c_int; 2]; 3];
    for pipe in &mut pipes {
        let error = sys::syscall(sys::PIPE2, [pipe.as_mut_ptr() as usize, sys::O_CLOEXEC, 0, 0, 0, 0]);
        if error < 0 {
            pipes.iter_mut().flatten().for_each(close);
            return Outcome { error: -error as i32, status: -1, ..Default::default() };
        }
    }
    let [mut child_in, mut child_out, mut child_err] = [pipes[0][0], pipes[1][1], pipes[2][1]];
    let started = start(request, [child_in, child_out, child_err]);
    [&mut child_in, &mut child_out, &mut child_err].into_iter().for_each(close);

    let mut talk = Talk {
        ends: [pipes[0][1], pipes[1][0], pipes[2][0]],
        input,
        outcome: Outcome { status: -1, ..Default::default() },
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

unsafe fn start(request: &Request, standard: [c_int; 3]) -> Result<usize, c_int> {
    // Whatever else this process holds or was given stays out of the child. Kernels before 5.11 refuse: then what we
    // opened ourselves is marked already.
    const CLOSE_RANGE_CLOEXEC: usize = 4;
    sys::syscall(sys::CLOSE_RANGE, [3, u32::MAX as usize, CLOSE_RANGE_CLOEXEC, 0, 0, 0]);
    sys::default_sigchld();

    let mut attributes: Opaque = [0; 64];
    let mut actions: Opaque = [0; 64];
    posix_spawnattr_init(&mut attributes);
    posix_spawnattr_setflags(&mut attributes, SET_PROCESS_GROUP | SET_DEFAULT_SIGNALS | SET_SIGNAL_MASK);
    posix_spawnattr_setsigmask(&mut attributes, &[0; 16]);
    posix_spawnattr_setsigdefault(&mut attributes, &[u64::MAX; 16]);
    posix_spawn_file_actions_init(&mut actions);
    for (fd, from) in standard.into_iter().enumerate() {
        let error = posix_spawn_file_actions_adddup2(&mut actions, from, fd as c_int);
        if error != 0 {
            return Err(error);
        }
    }
    let pointers = |list: &[Vec<u8>]| -> Vec<*const c_char> {
        list.iter().map(|text| text.as_ptr() as *const c_char).chain([ptr::null()]).collect()
    };
    let mut pid = 0;
    let error = posix_spawn(
        &mut pid,
        request.path.as_ptr() as *const c_char,
        &actions,
        &attributes,
        pointers(&request.argv).as_ptr(),
        pointers(&request.env).as_ptr(),
    );
    if error == 0 {
        Ok(pid as usize)
    } else {
        Err(error)
    }
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
        sys::syscall(sys::FCNTL, [self.ends[0] as usize, SET_FLAGS, NON_BLOCKING | 1, 0, 0, 0]);
        self.feed();
        while self.ends[1] >= 0 || self.ends[2] >= 0 {
            if !self.step(-1) {
                return self.kill(pid);
            }
        }
        close(&mut self.ends[0]);
        // It closed its output; that it also ends soon is likely, but not sure.
        const NO_HANG: usize = 1;
        if (self.request.deadline_ms > 0 || self.request.cancel_fd >= 0) && !self.wait(pid, NO_HANG) {
            let pidfd = sys::syscall(sys::PIDFD_OPEN, [pid, 0, 0, 0, 0, 0]);
            let mut pidfd = if pidfd < 0 { -1 } else { pidfd as c_int };
            while !self.wait(pid, NO_HANG) {
                if !self.step(pidfd) {
                    close(&mut pidfd);
                    return self.kill(pid);
                }
            }
            return close(&mut pidfd);
        }
        self.wait(pid, 0);
    }

    /// Waits for something to do and does it. False: the deadline is over, or the caller's descriptor says to stop.
    unsafe fn step(&mut self, pidfd: c_int) -> bool {
        let limited = self.request.deadline_ms > 0;
        let mut left = if limited { self.until - sys::monotonic_ms() } else { i64::MAX };
        if left <= 0 {
            self.outcome.timed_out = true;
            return false;
        }
        let waits_for_end = self.ends[1] < 0 && self.ends[2] < 0;
        if waits_for_end && pidfd < 0 {
            left = left.min(5); // no pidfd before Linux 5.3: look again now and then
        }
        let poll = |fd, events| Pollfd { fd, events, revents: 0 };
        let mut polls = [
            poll(self.ends[0], POLLOUT),
            poll(self.ends[1], POLLIN),
            poll(self.ends[2], POLLIN),
            poll(self.request.cancel_fd, POLLIN),
            poll(pidfd, POLLIN),
        ];
        let time = Timespec { seconds: left / 1000, nanoseconds: left % 1000 * 1_000_000 };
        let wait = if left == i64::MAX { 0 } else { &raw const time as usize };
        let ready = sys::syscall(sys::PPOLL, [polls.as_mut_ptr() as usize, polls.len(), wait, 0, 8, 0]);
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
        true
    }

    unsafe fn feed(&mut self) {
        while !self.input.is_empty() {
            let word = [self.ends[0] as usize, self.input.as_ptr() as usize, self.input.len(), 0, 0, 0];
            match sys::syscall(sys::WRITE, word) {
                n if n > 0 => self.input = &self.input[n as usize..],
                n if n == -sys::EINTR => {}
                n if n == -sys::EAGAIN => return,
                _ => break, // the child does not want it
            }
        }
        close(&mut self.ends[0]);
    }

    unsafe fn gather(&mut self, end: usize) {
        let mut piece = [0u8; 16384];
        let word = [self.ends[end] as usize, piece.as_mut_ptr() as usize, piece.len(), 0, 0, 0];
        match sys::syscall(sys::READ, word) {
            n if n > 0 => {
                let to = if end == 1 { &mut self.outcome.stdout } else { &mut self.outcome.stderr };
                to.extend_from_slice(&piece[..n as usize]);
            }
            n if n == -sys::EINTR => {}
            _ => close(&mut self.ends[end]),
        }
    }

    unsafe fn kill(&mut self, pid: usize) {
        sys::syscall(sys::KILL, [pid.wrapping_neg(), sys::SIGKILL, 0, 0, 0, 0]);
        self.wait(pid, 0);
    }

    /// True once the child has ended, and then the outcome says how.
    unsafe fn wait(&mut self, pid: usize, options: usize) -> bool {
        let mut status: c_int = 0;
        let word = [pid, &raw mut status as usize, options, 0, 0, 0];
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
            self.outcome.signal = status & 0x7f;
            self.outcome.status = if status & 0x7f == 0 { status >> 8 & 0xff } else { -1 };
        }
        true
    }
}

const _: () = assert!(size_of::<*const c_void>() == 8);
