//! Starts a program in a process group of its own.

use crate::request::Request;
use crate::sys;
use alloc::vec::Vec;
use core::ffi::{c_char, c_int, c_short};
use core::ptr;

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

/// The process id, or an errno; `standard` become its descriptors 0 to 2.
pub unsafe fn start(request: &Request, standard: [c_int; 3]) -> Result<usize, c_int> {
    // Whatever else this process holds or was given stays out of the child. Kernels before 5.11 refuse: then what we
    // opened ourselves is marked already.
    const CLOSE_RANGE_CLOEXEC: usize = 4;
    sys::syscall(
        sys::CLOSE_RANGE,
        [3, u32::MAX as usize, CLOSE_RANGE_CLOEXEC],
    );
    sys::default_sigchld();

    let mut attributes: Opaque = [0; 64];
    let mut actions: Opaque = [0; 64];
    posix_spawnattr_init(&mut attributes);
    posix_spawnattr_setflags(
        &mut attributes,
        SET_PROCESS_GROUP | SET_DEFAULT_SIGNALS | SET_SIGNAL_MASK,
    );
    posix_spawnattr_setsigmask(&mut attributes, &[0; 16]);
    // Only what we changed ourselves: a signal that whoever started us ignores stays ignored, as with nohup.
    let mut broken_pipe: SignalSet = [0; 16];
    broken_pipe[0] = 1 << (sys::SIGPIPE - 1);
    posix_spawnattr_setsigdefault(&mut attributes, &broken_pipe);
    posix_spawn_file_actions_init(&mut actions);
    // Onto itself: it is not closed on exec then.
    let held = (request.held_fd > 2).then_some((request.held_fd, request.held_fd));
    let places = standard.into_iter().zip(0..).chain(held);
    for (from, fd) in places {
        let error = posix_spawn_file_actions_adddup2(&mut actions, from, fd as c_int);
        if error != 0 {
            return Err(error);
        }
    }
    let pointers = |list: &[Vec<u8>]| -> Vec<*const c_char> {
        list.iter()
            .map(|text| text.as_ptr() as *const c_char)
            .chain([ptr::null()])
            .collect()
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
