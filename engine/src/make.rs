//! `runtime --image`: runs a program's top level at build time and writes the heap it leaves behind the runtime.

use crate::arena::Arena;
use crate::image::{self, Header, BASE};
use crate::names::Names;
use crate::sys::{self, Global, Timespec};
use crate::{argument, elf, js, natives, pack, report, room, run, USAGE};
use alloc::vec::Vec;
use core::arch::asm;
use core::ffi::{c_char, c_int, c_void};
use core::ptr;
use rquickjs_sys as q;

/// The build's stack has a fixed place, since its address gets into the image.
const STACK: usize = 0x7_0000_0000;
const STACK_SIZE: usize = 16 << 20;

struct Order {
    bytecode: Vec<u8>,
    output: *const c_char,
    output_name: &'static [u8],
    build: &'static [u8],
    lines: Vec<u8>,
    /// Numbers of allocations: what goes to the image's front, in this order.
    front: Vec<usize>,
    /// How many of those nearly every run touches.
    ahead: usize,
    /// Where a table of the image's blocks is to go, and its name.
    blocks: Option<(*const c_char, &'static [u8])>,
}

/// While a program is compiled or an image made.
pub static CLOCK_STANDS: Global<bool> = Global::new(false);
static ORDER: Global<Option<Order>> = Global::new(None);
/// The context whose program may not look at the clock, and the first error for having done so.
static CLOCK_WATCH: Global<(*mut q::JSContext, Option<q::JSValue>)> =
    Global::new((ptr::null_mut(), None));

/// Parses the command line, then goes on the fixed stack.
pub unsafe fn command(args: *const *const c_char) -> ! {
    let mut order = Order {
        bytecode: Vec::new(),
        output: ptr::null(),
        output_name: argument(args, 3),
        build: b"",
        lines: Vec::new(),
        front: Vec::new(),
        ahead: 0,
        blocks: None,
    };
    if order.output_name.is_empty() {
        sys::write_all(2, USAGE.as_bytes());
        sys::exit(2)
    }
    order.bytecode = read(*args.add(2), argument(args, 2));
    order.output = *args.add(3);
    let mut next = 4;
    while !argument(args, next).is_empty() {
        let value = argument(args, next + 1);
        match argument(args, next) {
            b"--build" if value.len() <= 40 && value.iter().all(u8::is_ascii_hexdigit) => {
                order.build = value
            }
            b"--lines" if !value.is_empty() => order.lines = read(*args.add(next + 1), value),
            b"--front" if !value.is_empty() => {
                order.front = numbers(&read(*args.add(next + 1), value))
            }
            b"--ahead" if !value.is_empty() => order.ahead = number(value),
            b"--blocks" if !value.is_empty() => order.blocks = Some((*args.add(next + 1), value)),
            option => sys::fail(&[b"cannot use option ", option, b" ", value]),
        }
        next += 2;
    }
    ORDER.set(Some(order));
    CLOCK_STANDS.set(true);
    sys::setenv(c"TZ".as_ptr(), c"UTC0".as_ptr(), 1);

    const NO_REPLACE: usize = 0x100000;
    const FIXED: usize = 0x10;
    let is_there = match sys::map(STACK, STACK_SIZE, NO_REPLACE) {
        Some(STACK) => true,
        // Who does not know the flag (qemu 7, Linux before 4.17) chose another place, not because this one is taken.
        Some(_) => sys::map(STACK, STACK_SIZE, FIXED) == Some(STACK),
        None => false,
    };
    if !is_there {
        sys::fail(&[b"cannot build the heap image: the place for its stack is taken"]);
    }
    let top = STACK + STACK_SIZE;
    #[cfg(target_arch = "x86_64")]
    asm!("mov rsp, {}", "xor ebp, ebp", "call {}", in(reg) top, sym make, options(noreturn));
    #[cfg(target_arch = "aarch64")]
    asm!("mov sp, {}", "mov x29, xzr", "bl {}", in(reg) top, sym make, options(noreturn));
}

/// Decimal numbers, one a line.
fn numbers(text: &[u8]) -> Vec<usize> {
    text.split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(number)
        .collect()
}

fn number(text: &[u8]) -> usize {
    let parsed = core::str::from_utf8(text)
        .ok()
        .and_then(|it| it.parse().ok());
    parsed.unwrap_or_else(|| sys::fail(&[b"cannot use the number ", text]))
}

pub unsafe fn read(path: *const c_char, name: &[u8]) -> Vec<u8> {
    sys::read_file(path).unwrap_or_else(|errno| {
        sys::fail(&[b"cannot read ", name, b": errno ", &report::digits(errno)])
    })
}

unsafe extern "C" fn make() -> ! {
    let Some(order) = (*ORDER.at()).as_ref() else {
        sys::exit(1)
    };
    natives::EFFECTS_REFUSED.set(true);
    pack::learn(order.blocks.map(|_| Names::default()));
    make_heap(order);
    let ahead = pack::place(BASE + size_of::<Header>(), &order.front, order.ahead);
    make_heap(order);
    (*image::header()).ahead = ahead.min(BASE + image::MOST_AHEAD);
    let end = pack::current().finish().unwrap_or_else(|| {
        sys::fail(&[b"cannot build the heap image: its top level does not do the same twice"])
    });
    if let Some((path, name)) = order.blocks {
        write_file(path, name, &pack::current().table(), 0o644);
    }
    write_executable(order, end);
    sys::exit(0)
}

/// The heap as the top level leaves it. It takes two runs to pack it (pack.rs).
unsafe fn make_heap(order: &Order) {
    let header = image::header();
    let Some(ctx) = js::new_context(&raw mut (*header).arena) else {
        sys::fail(&[b"cannot build the heap image: it has no room for the language"]);
    };
    let runtime = q::JS_GetRuntime(ctx);
    pack::current().note_runtime(runtime);
    run::prepare(runtime);
    // Collecting while the top level runs would only cost time: it is done once, below.
    q::JS_SetGCThreshold(runtime, q::size_t::MAX);
    q::JS_SetMaxStackSize(runtime, (STACK_SIZE / 2) as q::size_t);
    natives::set_text(ctx, c"build", order.build);
    natives::set_text(ctx, c"lines", &order.lines);

    let entry = run_top_level(ctx, &order.bytecode);
    room::make(ctx);
    q::JS_RunGC(runtime);
    room::order(runtime);
    run::prepare(runtime);
    (*header).runtime = runtime;
    (*header).context = ctx;
    (*header).entry = entry;
    pack::current().name_blocks(runtime);
}

/// Runs the top level and its jobs, and returns what the image is to call at start.
unsafe fn run_top_level(ctx: *mut q::JSContext, bytecode: &[u8]) -> q::JSValue {
    const PREFIX: &[u8] = b"cannot build the heap image: ";
    CLOCK_WATCH.set((ctx, None));
    let length = bytecode.len() as q::size_t;
    let script = q::JS_ReadObject(
        ctx,
        bytecode.as_ptr(),
        length,
        q::JS_READ_OBJ_BYTECODE as c_int,
    );
    let result = if q::JS_IsException(script) {
        script
    } else {
        q::JS_EvalFunction(ctx, script)
    };
    if q::JS_IsException(result) {
        report::uncaught(ctx, PREFIX, q::JS_GetException(ctx));
    }
    q::JS_FreeValue(ctx, result);
    if let Err(reason) = run::jobs(ctx) {
        report::uncaught(ctx, PREFIX, reason);
    }
    let clock = CLOCK_WATCH.get();
    CLOCK_WATCH.set((ptr::null_mut(), None));
    if let Some(error) = clock.1 {
        report::uncaught(ctx, PREFIX, error);
    }
    let entry = js::global_property(ctx, c"main");
    if !q::JS_IsFunction(ctx, entry) {
        sys::fail(&[PREFIX, b"its top level sets no function globalThis.main"]);
    }
    entry
}

/// QuickJS asks for the time only here: to seed a context, which must give the same image each time, and for Date.
/// While a top level runs, Date is an error of its own even if the program catches what it is thrown.
#[no_mangle]
unsafe extern "C" fn gettimeofday(into: *mut [i64; 2], _zone: *mut c_void) -> c_int {
    if !CLOCK_STANDS.get() {
        let Timespec {
            seconds,
            nanoseconds,
        } = sys::realtime();
        *into = [seconds, nanoseconds / 1000];
        return 0;
    }
    let (ctx, seen) = CLOCK_WATCH.get();
    if !ctx.is_null() && seen.is_none() {
        natives::refuse(ctx, c"read the clock");
        CLOCK_WATCH.set((ctx, Some(q::JS_GetException(ctx))));
    }
    *into = [0, 0];
    0
}

unsafe fn write_executable(order: &Order, end: usize) {
    let length = (end - BASE).next_multiple_of(sys::PAGE);
    let arena = Arena::behind_image(end, BASE + length + image::SPARE);
    (&raw mut (*image::header()).arena).write(arena);
    let image = core::slice::from_raw_parts_mut(BASE as *mut u8, length);

    let engine = read(c"/proc/self/exe".as_ptr(), b"the runtime's own file");
    let executable = elf::executable(engine, image, &trailer(order.build))
        .unwrap_or_else(|why| sys::fail(&[b"cannot use this runtime's file: ", why.as_bytes()]));

    write_file(order.output, order.output_name, &executable, 0o755);
}

/// A new file, never the old one's bytes: that one may be running.
pub unsafe fn write_file(path: *const c_char, name: &[u8], bytes: &[u8], mode: usize) {
    const CREATE_NEW: usize = 0o1 | 0o100 | 0o200;
    let path = path as usize;
    sys::syscall(sys::UNLINKAT, [sys::AT_FDCWD, path]);
    let fd = sys::syscall(
        sys::OPENAT,
        [sys::AT_FDCWD, path, CREATE_NEW | sys::O_CLOEXEC, mode],
    );
    if fd < 0 {
        sys::fail(&[b"cannot create ", name, b": errno ", &report::digits(-fd)]);
    }
    if !sys::write_all(fd as usize, bytes) {
        sys::syscall(sys::UNLINKAT, [sys::AT_FDCWD, path]);
        sys::fail(&[b"cannot write ", name]);
    }
    sys::syscall(sys::CLOSE, [fd as usize]);
}

/// The last 64 bytes of an executable: by them another one of ours recognises the same build with a single read.
fn trailer(build: &[u8]) -> [u8; 64] {
    let mut line = [b' '; 64];
    let build = if build.is_empty() { b"-" } else { build };
    let words = [
        b"tscni 1 ",
        build,
        b" ",
        sys::LIBC.as_bytes(),
        b" ",
        sys::ARCH.as_bytes(),
    ];
    let mut at = 0;
    for word in words {
        line[at..at + word.len()].copy_from_slice(word);
        at += word.len();
    }
    line[63] = b'\n';
    line
}
