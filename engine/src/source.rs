//! What needs the JavaScript compiler: `engine --compile` and `engine --run`. No part of what is shipped.

use crate::arena::Arena;
use crate::sys;
use crate::{argument, image, js, make, report, run};
use alloc::vec::Vec;
use core::ffi::{c_char, c_int};
use core::ptr;
use rquickjs_sys as q;

/// Writes the bytecode of a script, for `runtime --image`: the compiler's garbage stays out of the image, and the
/// compiler out of the executable.
pub unsafe fn compile_command(args: *const *const c_char) -> ! {
    let (input, output) = (argument(args, 2), argument(args, 3));
    if output.is_empty() {
        sys::fail(&[b"usage: engine --compile IN.js OUT.bytecode"]);
    }
    make::CLOCK_STANDS.set(true);
    let source = read_text(*args.add(2), input);
    let runtime = q::JS_NewRuntime();
    let ctx = if runtime.is_null() {
        None
    } else {
        js::language(runtime).filter(|&ctx| q::JS_AddIntrinsicEval(ctx) == 0)
    };
    let Some(ctx) = ctx else {
        sys::fail(&[b"cannot compile: out of memory"]);
    };
    q::JS_SetMaxStackSize(runtime, sys::stack_room() as q::size_t);
    let script = compile(ctx, &source, input);
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
    let bytecode = core::slice::from_raw_parts(bytes, length as usize);
    make::write_file(*args.add(3), output, bytecode, 0o644);
    sys::exit(0)
}

/// Runs a source file without making an image of it, effects at top level allowed: for development and tests.
pub unsafe fn run(path: &[u8]) -> ! {
    let text = read_text(*crate::START.get().args, path);
    let arena = image::header() as *mut Arena;
    arena.write(Arena::new(
        image::BASE + core::mem::size_of::<Arena>(),
        image::BASE + image::ROOM,
    ));
    let Some(ctx) = js::new_context(arena).filter(|&ctx| q::JS_AddIntrinsicEval(ctx) == 0) else {
        sys::fail(&[b"cannot run: out of memory"]);
    };
    let runtime = q::JS_GetRuntime(ctx);
    q::JS_UpdateStackTop(runtime);
    q::JS_SetMaxStackSize(runtime, sys::stack_room() as q::size_t);
    run::prepare(runtime);

    let script = compile(ctx, &text, path);
    let result = if q::JS_IsException(script) {
        script
    } else {
        q::JS_EvalFunction(ctx, script)
    };
    if q::JS_IsException(result) {
        report::uncaught(ctx, b"", q::JS_GetException(ctx));
    }
    q::JS_FreeValue(ctx, result);
    let entry = js::global_property(ctx, c"main");
    if q::JS_IsFunction(ctx, entry) {
        run::program(ctx, entry);
    }
    match run::jobs(ctx) {
        Ok(()) => sys::exit(0),
        Err(reason) => report::uncaught(ctx, b"", reason),
    }
}

/// A script in strict mode; `text` ends with a NUL that is not part of it.
unsafe fn compile(ctx: *mut q::JSContext, text: &[u8], path: &[u8]) -> q::JSValue {
    let flags = q::JS_EVAL_TYPE_GLOBAL | q::JS_EVAL_FLAG_STRICT | q::JS_EVAL_FLAG_COMPILE_ONLY;
    let name: Vec<u8> = base_name(path).iter().copied().chain([0]).collect();
    q::JS_Eval(
        ctx,
        text.as_ptr() as *const c_char,
        (text.len() - 1) as q::size_t,
        name.as_ptr() as *const c_char,
        flags as c_int,
    )
}

unsafe fn read_text(path: *const c_char, name: &[u8]) -> Vec<u8> {
    let mut text = make::read(path, name);
    text.push(0);
    text
}

/// What a stack trace calls a file: the same wherever the build happens.
fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or(path)
}
