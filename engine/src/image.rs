//! Where a heap image lies and how a program starts from one.

use crate::arena::Arena;
use crate::{run, sys};
use core::arch::{asm, global_asm};
use rquickjs_sys as q;

/// The image's address: above brk and below the mappings of every layout, within 36 bits, and not valgrind's.
/// The linker is told the same in build.rs.
pub const BASE: usize = 0x8_0000_0000;
/// What the bare engine has there: room for the heap of a build, as untouched memory of the kernel's.
pub const ROOM: usize = 128 << 20;
/// Mapped behind an image by the kernel too, which spares a small program any mapping of its own.
pub const SPARE: usize = 256 << 10;

/// As much of an image is fetched ahead at most: a file of many plugins has more that one of them does not touch.
pub const MOST_AHEAD: usize = 384 << 10;

global_asm!(
    ".pushsection .heap,\"aw\",%nobits",
    ".globl engine_heap",
    ".balign 65536",
    "engine_heap:",
    ".zero {room}",
    ".popsection",
    room = const ROOM,
);

/// The first bytes of every image.
#[repr(C)]
pub struct Header {
    /// Of engine and image together; the engine it was made with holds the same number.
    pub hash: u64,
    pub runtime: *mut q::JSRuntime,
    pub context: *mut q::JSContext,
    pub entry: q::JSValue,
    /// Where the blocks end that nearly every run touches.
    pub ahead: usize,
    pub arena: Arena,
}

/// Found in the file by its mark; the builder writes the hash behind it.
#[repr(C)]
struct Slot {
    mark: [u8; 16],
    hash: u64,
}

#[no_mangle]
#[used]
static mut ENGINE_SLOT: Slot = Slot {
    mark: *b"\x7fengine's slot\x01\x02",
    hash: 0,
};

/// Where in the engine's file the hash goes: behind the mark, which must be there once.
pub fn slot_offset(engine: &[u8]) -> Option<usize> {
    let mark = unsafe { (&raw const ENGINE_SLOT.mark).read_volatile() };
    let mut places = engine
        .windows(mark.len())
        .enumerate()
        .filter(|(_, window)| *window == mark);
    let (first, _) = places.next()?;
    places.next().is_none().then_some(first + mark.len())
}

/// The hash of the image this executable carries, if it carries one.
pub unsafe fn expected_hash() -> Option<u64> {
    let hash = (&raw const ENGINE_SLOT.hash).read_volatile();
    (hash != 0).then_some(hash)
}

pub fn header() -> *mut Header {
    BASE as *mut Header
}

extern "C" {
    /// The code that plugins come through, from quickjs/used.ld.
    static engine_used: u8;
    static engine_used_end: u8;
}

/// Has the processor fetch what a run is going to touch: to wait for each line when it is needed takes 0.1 us, of some
/// thousand. What is not mapped is not fetched, and the kernel maps 64 KB at the touch of one byte.
unsafe fn fetch(start: usize, end: usize) {
    const LINE: usize = 64;
    const MAPPED_AT_ONCE: usize = 64 << 10;
    let mut at = start;
    while at < end {
        (at as *const u8).read_volatile();
        at = (at | (MAPPED_AT_ONCE - 1)) + 1;
    }
    for line in (start..end).step_by(LINE) {
        #[cfg(target_arch = "x86_64")]
        asm!("prefetcht0 [{}]", in(reg) line, options(nostack, preserves_flags));
        #[cfg(target_arch = "aarch64")]
        asm!("prfm pldl1keep, [{}]", in(reg) line, options(nostack, preserves_flags));
    }
}

/// Fetches the code that plugins come through, and of an image what nearly every run touches.
pub unsafe fn fetch_ahead() {
    fetch(
        &raw const engine_used as usize,
        &raw const engine_used_end as usize,
    );
    if expected_hash().is_some() {
        fetch(BASE, (*header()).ahead);
    }
}

/// Runs the program in the image to its end.
pub unsafe fn start(expected: u64) -> ! {
    let header = header();
    if (*header).hash != expected {
        sys::fail(&[b"cannot start: engine and heap image do not match: the file is damaged"]);
    }
    q::JS_UpdateStackTop((*header).runtime);
    q::JS_SetMaxStackSize((*header).runtime, sys::stack_room() as q::size_t);
    run::program((*header).context, (*header).entry)
}
