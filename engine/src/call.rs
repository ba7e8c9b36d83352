//! `engine.syscall` and `engine.addressOf`.

use crate::natives::{at, refuse, EFFECTS_REFUSED};
use crate::{sys, views};
use core::ffi::c_int;
use rquickjs_sys as q;

/// A number, or a bigint beyond what numbers hold exactly.
unsafe fn number(ctx: *mut q::JSContext, value: i64) -> q::JSValue {
    const SAFE: i64 = 1 << 53;
    if (-SAFE..=SAFE).contains(&value) {
        q::JS_NewFloat64(value as f64)
    } else {
        q::JS_NewBigInt64(ctx, value)
    }
}

/// What goes into a register for one argument. None means: thrown.
unsafe fn register(ctx: *mut q::JSContext, value: q::JSValue) -> Option<usize> {
    match q::JS_VALUE_GET_NORM_TAG(value) {
        q::JS_TAG_INT => return Some(q::JS_VALUE_GET_INT(value) as isize as usize),
        q::JS_TAG_NULL | q::JS_TAG_UNDEFINED => return Some(0),
        q::JS_TAG_FLOAT64 => {
            let number = q::JS_VALUE_GET_FLOAT64(value);
            let whole = number as i64;
            if whole as f64 == number && whole != i64::MAX {
                return Some(whole as usize);
            }
        }
        q::JS_TAG_BIG_INT | q::JS_TAG_SHORT_BIG_INT => {
            let mut word = 0;
            q::JS_ToBigInt64(ctx, &mut word, value);
            return Some(word as usize);
        }
        _ => {
            if let Some((address, _)) = views::bytes_of(ctx, value) {
                return Some(address);
            }
        }
    }
    let message = c"syscall takes whole numbers, bigints, null and typed arrays";
    q::JS_ThrowTypeError(ctx, message.as_ptr());
    None
}

pub unsafe extern "C" fn syscall(
    ctx: *mut q::JSContext,
    _: q::JSValue,
    argc: c_int,
    argv: *mut q::JSValue,
) -> q::JSValue {
    if EFFECTS_REFUSED.get() {
        return refuse(ctx, c"call syscall");
    }
    let Some(nr) = register(ctx, at(argc, argv, 0)) else {
        return q::JS_EXCEPTION;
    };
    let mut registers = [0; 6];
    for (i, place) in registers.iter_mut().enumerate() {
        match register(ctx, at(argc, argv, i + 1)) {
            Some(word) => *place = word,
            None => return q::JS_EXCEPTION,
        }
    }
    number(ctx, sys::syscall(nr, registers) as i64)
}

pub unsafe extern "C" fn address_of(
    ctx: *mut q::JSContext,
    _: q::JSValue,
    argc: c_int,
    argv: *mut q::JSValue,
) -> q::JSValue {
    if EFFECTS_REFUSED.get() {
        return refuse(ctx, c"call addressOf");
    }
    match views::bytes_of(ctx, at(argc, argv, 0)) {
        Some((address, _)) => number(ctx, address as i64),
        None => q::JS_ThrowTypeError(ctx, c"addressOf takes a typed array".as_ptr()),
    }
}
