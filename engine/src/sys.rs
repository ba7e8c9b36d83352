//! The machine: raw system calls, and the few C library functions that are worth having.

use alloc::vec::Vec;
use core::alloc::{GlobalAlloc, Layout};
use core::arch::asm;
use core::cell::UnsafeCell;
use core::ffi::{c_char, c_int, c_ulong, c_void};

pub use crate::numbers::*;

/// The C library this engine is linked against, as the build script says.
pub const LIBC: &str = match option_env!("ENGINE_LIBC") {
    Some(name) => name,
    None => "unknown",
};

pub const AT_FDCWD: usize = -100isize as usize;
pub const O_CLOEXEC: usize = 0o2000000;
const O_PATH: usize = 0o10000000;
pub const ENOMEM: i32 = 12;
pub const EINTR: isize = 4;
pub const EAGAIN: isize = 11;
pub const EPIPE: isize = 32;
pub const SIGKILL: usize = 9;
pub const SIGPIPE: usize = 13;
pub const SIGCHLD: usize = 17;

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Pollfd {
    pub fd: c_int,
    pub events: i16,
    pub revents: i16,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Timespec {
    pub seconds: i64,
    pub nanoseconds: i64,
}

extern "C" {
    fn malloc(size: usize) -> *mut c_void;
    fn realloc(at: *mut c_void, size: usize) -> *mut c_void;
    fn free(at: *mut c_void);
    fn getauxval(kind: c_ulong) -> c_ulong;
    fn clock_gettime(clock: c_int, into: *mut Timespec) -> c_int;
    pub fn setenv(name: *const c_char, value: *const c_char, overwrite: c_int) -> c_int;
}

/// A variable of a process that has one thread.
pub struct Global<T>(UnsafeCell<T>);

// There is one thread.
unsafe impl<T> Sync for Global<T> {}

impl<T> Global<T> {
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }
    pub unsafe fn set(&self, value: T) {
        *self.0.get() = value;
    }
    pub fn at(&self) -> *mut T {
        self.0.get()
    }
}

impl<T: Copy> Global<T> {
    pub fn get(&self) -> T {
        unsafe { *self.0.get() }
    }
}

/// One system call: the kernel's value, or minus the errno.
#[inline]
pub unsafe fn syscall<const N: usize>(nr: usize, arguments: [usize; N]) -> isize {
    let mut a = [0; 6];
    a[..N].copy_from_slice(&arguments);
    let value: isize;
    #[cfg(target_arch = "x86_64")]
    asm!("syscall", inlateout("rax") nr => value, in("rdi") a[0], in("rsi") a[1], in("rdx") a[2],
        in("r10") a[3], in("r8") a[4], in("r9") a[5], lateout("rcx") _, lateout("r11") _, options(nostack));
    #[cfg(target_arch = "aarch64")]
    asm!("svc 0", in("x8") nr, inlateout("x0") a[0] => value, in("x1") a[1], in("x2") a[2],
        in("x3") a[3], in("x4") a[4], in("x5") a[5], options(nostack));
    value
}

pub fn exit(code: i32) -> ! {
    loop {
        unsafe { syscall(EXIT_GROUP, [code as usize]) };
    }
}

/// Writes what can be written: there is nobody to tell when standard error is gone.
pub fn write_all(fd: usize, mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        let n = unsafe { syscall(WRITE, [fd, bytes.as_ptr() as usize, bytes.len()]) };
        match n {
            n if n > 0 => bytes = &bytes[n as usize..],
            n if n == -EINTR => {}
            _ => return false,
        }
    }
    true
}

/// Ends the process with one line on standard error.
pub fn fail(parts: &[&[u8]]) -> ! {
    for part in parts {
        write_all(2, part);
    }
    write_all(2, b"\n");
    exit(1)
}

/// A write to a closed pipe is an error to report, not a reason to die. Spawned programs get the default back.
pub unsafe fn ignore_sigpipe() {
    let ignore: [usize; 4] = [1, 0, 0, 0]; // SIG_IGN, flags, restorer, mask
    syscall(RT_SIGACTION, [SIGPIPE, ignore.as_ptr() as usize, 0, 8]);
}

/// Lets a child's end be waited for even when whoever started us ignored SIGCHLD.
pub unsafe fn default_sigchld() {
    let default: [usize; 4] = [0; 4];
    syscall(RT_SIGACTION, [SIGCHLD, default.as_ptr() as usize, 0, 8]);
}

/// Closed descriptors 0 to 2 are taken by ones that can be neither read nor written, so that no file opened later
/// gets such a number and a result meant for standard output ends up in it.
pub unsafe fn occupy_standard_descriptors() {
    let mut polls = [0, 1, 2].map(|fd| Pollfd {
        fd,
        ..Default::default()
    });
    let now = Timespec::default();
    let closed = syscall(
        PPOLL,
        [
            polls.as_mut_ptr() as usize,
            3,
            &raw const now as usize,
            0,
            8,
        ],
    );
    if closed > 0 {
        for _ in polls.iter().filter(|poll| poll.revents & 0x20 != 0) {
            syscall(OPENAT, [AT_FDCWD, c"/".as_ptr() as usize, O_PATH]);
        }
    }
}

pub unsafe fn map(at: usize, length: usize, flags: usize) -> Option<usize> {
    const READ_WRITE: usize = 3;
    const PRIVATE_ANONYMOUS: usize = 0x22;
    let place = syscall(
        MMAP,
        [
            at,
            length,
            READ_WRITE,
            PRIVATE_ANONYMOUS | flags,
            usize::MAX,
        ],
    );
    (!(-4095..0).contains(&place)).then_some(place as usize)
}

/// Milliseconds that never jump.
pub fn monotonic_ms() -> i64 {
    let mut now = Timespec::default();
    unsafe { clock_gettime(1, &mut now) };
    now.seconds * 1000 + now.nanoseconds / 1_000_000
}

pub fn realtime() -> Timespec {
    let mut now = Timespec::default();
    unsafe { clock_gettime(0, &mut now) };
    now
}

/// How much stack is left below the caller: the limit, less what arguments, environment and callers have taken.
pub unsafe fn stack_room() -> usize {
    const RLIMIT_STACK: usize = 3;
    const AT_EXECFN: c_ulong = 31;
    const MOST: usize = 8 << 20;
    /// Kept free for C code that does not look at the limit.
    const MARGIN: usize = 64 << 10;

    let mut limit = [usize::MAX; 2];
    syscall(PRLIMIT64, [0, RLIMIT_STACK, 0, limit.as_mut_ptr() as usize]);
    // The kernel puts the program's name at the very top of the stack.
    let here = limit.as_ptr() as usize;
    let taken = (getauxval(AT_EXECFN) as usize).saturating_sub(here) + 4096;
    limit[0]
        .min(MOST)
        .saturating_sub(taken + MARGIN)
        .max(16 << 10)
}

pub unsafe fn read_file(path: *const c_char) -> Result<Vec<u8>, isize> {
    let fd = syscall(OPENAT, [AT_FDCWD, path as usize, O_CLOEXEC]);
    if fd < 0 {
        return Err(-fd);
    }
    let mut bytes = Vec::new();
    let mut piece = [0u8; 16384];
    let end = loop {
        let n = syscall(
            READ,
            [fd as usize, piece.as_mut_ptr() as usize, piece.len()],
        );
        match n {
            n if n > 0 => bytes.extend_from_slice(&piece[..n as usize]),
            n if n == -EINTR => {}
            n => break n,
        }
    };
    syscall(CLOSE, [fd as usize]);
    if end < 0 {
        Err(-end)
    } else {
        Ok(bytes)
    }
}

struct LibcAllocator;

unsafe impl GlobalAlloc for LibcAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        malloc(layout.size()) as *mut u8
    }
    unsafe fn dealloc(&self, at: *mut u8, _: Layout) {
        free(at as *mut c_void)
    }
    unsafe fn realloc(&self, at: *mut u8, _: Layout, size: usize) -> *mut u8 {
        realloc(at as *mut c_void, size) as *mut u8
    }
}

#[global_allocator]
static ALLOCATOR: LibcAllocator = LibcAllocator;

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    let file = info.location().map_or("", |place| place.file());
    fail(&[
        b"engine: internal error or out of memory in ",
        file.as_bytes(),
    ])
}

/// Named by the precompiled core library; never called, since a panic ends the process.
#[no_mangle]
extern "C" fn rust_eh_personality() {}
