//! `engine --image`: runs a program's top level at build time and writes the heap it leaves behind an engine.

use crate::arena::{Arena, ALL_INSIDE};
use crate::image::{self, Header, BASE, ROOM};
use crate::sys::{self, Global, Timespec};
use crate::{argument, elf, js, natives, report, run};
use alloc::vec::Vec;
use core::arch::asm;
use core::ffi::{c_char, c_int, c_void};
use core::ptr;
use rquickjs_sys as q;

/// The build's stack has a fixed place, since its address gets into the image.
const STACK: usize = 0x7_0000_0000;
const STACK_SIZE: usize = 16 << 20;

struct Order {
    input: *const c_char,
    input_name: &'static [u8],
    output: *const c_char,
    output_name: &'static [u8],
    build: &'static [u8],
    lines: Vec<u8>,
}

static ORDER: Global<Option<Order>> = Global::new(None);
/// The context whose program may not look at the clock, and the first error for having done so.
static CLOCK_WATCH: Global<(*mut q::JSContext, Option<q::JSValue>)> =
    Global::new((ptr::null_mut(), None));

/// Parses the command line, then goes on the fixed stack.
pub unsafe fn command(args: *const *const c_char) -> ! {
    let mut order = Order {
        input: *args.add(2),
        input_name: argument(args, 2),
        output: ptr::null(),
        output_name: argument(args, 3),
        build: b"",
        lines: Vec::new(),
    };
    if order.output_name.is_empty() {
        sys::fail(&[b"usage: engine --image IN.js OUT [--build HEX] [--lines FILE]"]);
    }
    order.output = *args.add(3);
    let mut next = 4;
    while !argument(args, next).is_empty() {
        let value = argument(args, next + 1);
        match argument(args, next) {
            b"--build" if value.len() <= 40 && value.iter().all(u8::is_ascii_hexdigit) => {
                order.build = value
            }
            b"--lines" if !value.is_empty() => order.lines = read(*args.add(next + 1), value),
            option => sys::fail(&[b"cannot use option ", option, b" ", value]),
        }
        next += 2;
    }
    ORDER.set(Some(order));
    sys::setenv(c"TZ".as_ptr(), c"UTC0".as_ptr(), 1);

    const NO_REPLACE: usize = 0x100000;
    if sys::map(STACK, STACK_SIZE, NO_REPLACE) != Some(STACK) {
        sys::fail(&[b"cannot build the heap image: the place for its stack is taken"]);
    }
    let top = STACK + STACK_SIZE;
    #[cfg(target_arch = "x86_64")]
    asm!("mov rsp, {}", "xor ebp, ebp", "call {}", in(reg) top, sym make, options(noreturn));
    #[cfg(target_arch = "aarch64")]
    asm!("mov sp, {}", "mov x29, xzr", "bl {}", in(reg) top, sym make, options(noreturn));
}

unsafe fn read(path: *const c_char, name: &[u8]) -> Vec<u8> {
    sys::read_file(path).unwrap_or_else(|errno| {
        sys::fail(&[b"cannot read ", name, b": errno ", &report::digits(errno)])
    })
}

unsafe extern "C" fn make() -> ! {
    let Some(order) = (*ORDER.at()).as_ref() else {
        sys::exit(1)
    };
    let bytecode = compile(order);

    natives::EFFECTS_REFUSED.set(true);
    ALL_INSIDE.set(true);
    let header = image::header();
    (&raw mut (*header).arena).write(Arena::new(BASE + size_of::<Header>(), BASE + ROOM));
    let Some(ctx) = js::new_context(&raw mut (*header).arena, false) else {
        sys::fail(&[b"cannot build the heap image: it has no room for the language"]);
    };
    let runtime = q::JS_GetRuntime(ctx);
    run::prepare(runtime);
    // Collecting while the top level runs would only cost time: it is done once, below.
    q::JS_SetGCThreshold(runtime, q::size_t::MAX);
    q::JS_SetMaxStackSize(runtime, (STACK_SIZE / 2) as q::size_t);
    natives::set_text(ctx, c"build", order.build);
    natives::set_text(ctx, c"lines", &order.lines);

    let entry = run_top_level(ctx, &bytecode);
    q::JS_RunGC(runtime);
    run::prepare(runtime);
    (*header).runtime = runtime;
    (*header).context = ctx;
    (*header).entry = entry;
    write_executable(order, header)
}

/// Bytecode of the source, made in a runtime of its own: the parser's garbage stays out of the image.
unsafe fn compile(order: &Order) -> Vec<u8> {
    let mut source = read(order.input, order.input_name);
    source.push(0);
    let Some(ctx) = js::new_compiler() else {
        sys::fail(&[b"cannot build the heap image: out of memory"]);
    };
    q::JS_SetMaxStackSize(q::JS_GetRuntime(ctx), (STACK_SIZE / 2) as q::size_t);
    let mut name = run::base_name(order.input_name).to_vec();
    name.push(0);
    let script = js::compile(ctx, &source, name.as_ptr() as *const c_char);
    let mut length = 0;
    let flags = q::JS_WRITE_OBJ_BYTECODE | q::JS_WRITE_OBJ_STRIP_SOURCE;
    let bytes = if q::JS_IsException(script) {
        ptr::null_mut()
    } else {
        q::JS_WriteObject(ctx, &mut length, script, flags as c_int)
    };
    if bytes.is_null() {
        report::uncaught(ctx, b"cannot compile: ", q::JS_GetException(ctx));
    }
    let bytecode = core::slice::from_raw_parts(bytes, length as usize).to_vec();
    q::js_free(ctx, bytes as *mut c_void);
    q::JS_FreeValue(ctx, script);
    let runtime = q::JS_GetRuntime(ctx);
    q::JS_FreeContext(ctx);
    q::JS_FreeRuntime(runtime);
    bytecode
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
    if (*ORDER.at()).is_none() {
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

unsafe fn write_executable(order: &Order, header: *mut Header) -> ! {
    let arena = &mut (*header).arena;
    arena.zero_free_blocks();
    let length = (arena.top() - BASE).next_multiple_of(sys::PAGE);
    arena.set_end(BASE + length + image::SPARE);
    let image = core::slice::from_raw_parts_mut(BASE as *mut u8, length);

    let engine = read(c"/proc/self/exe".as_ptr(), b"the engine's own file");
    let executable = elf::executable(engine, image, &trailer(order.build))
        .unwrap_or_else(|why| sys::fail(&[b"cannot use this engine's file: ", why.as_bytes()]));

    // A new file, never the old one's bytes: that one may be running.
    const CREATE_NEW: usize = 0o1 | 0o100 | 0o200;
    let path = order.output as usize;
    sys::syscall(sys::UNLINKAT, [sys::AT_FDCWD, path]);
    let fd = sys::syscall(
        sys::OPENAT,
        [sys::AT_FDCWD, path, CREATE_NEW | sys::O_CLOEXEC, 0o755],
    );
    if fd < 0 {
        sys::fail(&[
            b"cannot create ",
            order.output_name,
            b": errno ",
            &report::digits(-fd),
        ]);
    }
    if !sys::write_all(fd as usize, &executable) {
        sys::syscall(sys::UNLINKAT, [sys::AT_FDCWD, path]);
        sys::fail(&[b"cannot write ", order.output_name]);
    }
    sys::exit(0)
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
