//! Makes and runs heap images: a JavaScript program whose top level ran at build time, mapped by the kernel in execve.

#![no_std]
#![no_main]

extern crate alloc;

mod arena;
mod call;
mod digest;
mod elf;
mod image;
mod js;
mod launch;
mod make;
mod malloc;
mod names;
mod natives;
mod numbers;
mod pack;
mod random;
mod report;
mod request;
mod room;
mod run;
#[cfg(feature = "compiler")]
mod source;
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

#[cfg(feature = "compiler")]
const NAME: &str = "engine";
#[cfg(not(feature = "compiler"))]
const NAME: &str = "runtime";

#[cfg(feature = "compiler")]
pub const USAGE: &str = "usage: engine --compile IN.js OUT.bytecode\n       engine --run IN.js [ARGUMENT...]\n       engine --version\n";
#[cfg(not(feature = "compiler"))]
pub const USAGE: &str = "usage: runtime --image IN.bytecode OUT [--build HEX] [--lines FILE] [--front FILE] [--ahead COUNT] [--blocks FILE]\n       runtime --version\n";

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
        #[cfg(feature = "compiler")]
        b"--compile" => source::compile_command(args),
        #[cfg(feature = "compiler")]
        b"--run" if !(*args.add(2)).is_null() => {
            START.set(Start {
                args: args.add(2),
                env,
            });
            source::run(argument(args, 2))
        }
        b"--version" => {
            sys::write_all(1, NAME.as_bytes());
            sys::write_all(1, b" ");
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
