//! What a person sees when a program ends with an error: one line that says it, then where it came from.

use crate::{js, sys, text};
use alloc::vec::Vec;
use rquickjs_sys as q;

/// Prints what was thrown, with the stack as `engine.mapStack` renders it if the program has set that, and exits.
pub unsafe fn uncaught(ctx: *mut q::JSContext, prefix: &[u8], thrown: q::JSValue) -> ! {
    sys::write_all(2, prefix);
    if q::JS_IsNull(thrown) {
        // What QuickJS throws when there is not even memory for the error.
        sys::write_all(2, b"InternalError: out of memory\n");
        sys::exit(1);
    }
    if text::encode(ctx, thrown, |line| sys::write_all(2, line)).is_none() {
        // Telling what happened failed as well: out of memory or out of stack, most likely.
        q::JS_FreeValue(ctx, q::JS_GetException(ctx));
        sys::write_all(2, b"an exception that cannot be printed");
    }
    sys::write_all(2, b"\n");
    if q::JS_IsError(thrown) {
        let stack = q::JS_GetPropertyStr(ctx, thrown, c"stack".as_ptr());
        if q::JS_IsString(stack) {
            print_stack(ctx, stack);
        }
    }
    sys::exit(1)
}

unsafe fn print_stack(ctx: *mut q::JSContext, stack: q::JSValue) {
    let engine = js::global_property(ctx, c"engine");
    let map = q::JS_GetPropertyStr(ctx, engine, c"mapStack".as_ptr());
    let mut mapped = stack;
    if q::JS_IsFunction(ctx, map) {
        let mut arguments = [stack];
        let result = q::JS_Call(ctx, map, engine, 1, arguments.as_mut_ptr());
        if q::JS_IsString(result) {
            mapped = result;
        }
    }
    text::encode(ctx, mapped, |lines| sys::write_all(2, lines));
}

/// A small number in decimal.
pub fn digits(number: isize) -> Vec<u8> {
    let mut rest = number.unsigned_abs();
    let mut reversed = Vec::new();
    loop {
        reversed.push(b'0' + (rest % 10) as u8);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        reversed.push(b'-');
    }
    reversed.reverse();
    reversed
}
