//! Makes and runs heap images: a JavaScript program whose top level ran at build time, mapped by the kernel in execve.

#![no_std]
#![no_main]

extern crate alloc;

mod arena;
mod call;
mod elf;
mod image;
mod js;
mod launch;
mod make;
mod natives;
mod numbers;
mod random;
mod report;
mod request;
mod run;
mod spawn;
mod sys;
mod text;
mod views;

use core::ffi::{c_char, c_int, CStr};
use sys::Global;

/// What the kernel handed to `main`; Rust's own way of getting at it needs std.
#[derive(Clone, Copy)]
pub struct Start {
    pub args: *const *const c_char,
    pub env: *const *const c_char,
}

/// Arguments as the program sees them: in `--run` mode they begin at the script's name.
pub static START: Global<Start> = Global::new(Start {
    args: core::ptr::null(),
    env: core::ptr::null(),
});

const USAGE: &str = "usage: engine --image IN.js OUT [--build HEX] [--lines FILE]\n       engine --run IN.js [ARGUMENT...]\n       engine --version\n";

#[no_mangle]
unsafe extern "C" fn main(
    _argc: c_int,
    args: *const *const c_char,
    env: *const *const c_char,
) -> c_int {
    START.set(Start { args, env });
    sys::ignore_sigpipe();
    sys::occupy_standard_descriptors();
    if let Some(hash) = image::expected_hash() {
        image::start(hash);
    }

    match argument(args, 1) {
        b"--image" => make::command(args),
        b"--run" if !(*args.add(2)).is_null() => {
            START.set(Start {
                args: args.add(2),
                env,
            });
            run::source(argument(args, 2))
        }
        b"--version" => {
            sys::write_all(1, b"engine ");
            sys::write_all(1, sys::ARCH.as_bytes());
            sys::write_all(1, b" ");
            sys::write_all(1, sys::LIBC.as_bytes());
            sys::write_all(1, b"\n");
            sys::exit(0)
        }
        _ => {
            sys::write_all(2, USAGE.as_bytes());
            sys::exit(2)
        }
    }
}

/// The argument at `index`, empty when there are fewer.
pub unsafe fn argument(args: *const *const c_char, index: usize) -> &'static [u8] {
    for i in 0..=index {
        if (*args.add(i)).is_null() {
            return b"";
        }
    }
    CStr::from_ptr(*args.add(index)).to_bytes()
}
