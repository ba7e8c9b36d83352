//! The global `engine`: all that a program can do beyond the language.

use crate::sys::{self, Global};
use crate::{call, digest, image, random, run, spawn, text, views, START};
use core::ffi::{c_int, CStr};
use rquickjs_sys as q;

/// While an image is built: nothing of the build machine may get into it.
pub static EFFECTS_REFUSED: Global<bool> = Global::new(false);

/// As QuickJS calls it: with `this`, and with a count of arguments.
pub type Native =
    unsafe extern "C" fn(*mut q::JSContext, q::JSValue, c_int, *mut q::JSValue) -> q::JSValue;

/// What a call was given. Those that are missing are undefined.
#[derive(Clone, Copy)]
pub struct Arguments {
    count: usize,
    first: *const q::JSValue,
}

impl Arguments {
    pub unsafe fn at(&self, index: usize) -> q::JSValue {
        if index < self.count {
            *self.first.add(index)
        } else {
            q::JS_UNDEFINED
        }
    }
}

/// The Native of a function of context and Arguments. With a name it is an effect, which is refused under that name.
macro_rules! native {
    ($function:path $(, $name:literal)?) => {{
        unsafe extern "C" fn native(
            ctx: *mut q::JSContext,
            _: q::JSValue,
            count: c_int,
            first: *mut q::JSValue,
        ) -> q::JSValue {
            $(if EFFECTS_REFUSED.get() {
                return refuse(ctx, $name);
            })?
            $function(ctx, Arguments { count: count as usize, first })
        }
        native
    }};
}

/// Puts `engine` on the global object, and our Math.random in its place.
pub unsafe fn install(ctx: *mut q::JSContext) -> Option<()> {
    let engine = q::JS_NewObject(ctx);
    let functions: [(&CStr, Native, c_int); 11] = [
        (c"syscall", native!(call::syscall, c"call syscall"), 1),
        (
            c"addressOf",
            native!(call::address_of, c"call addressOf"),
            1,
        ),
        (c"spawn", native!(spawn::spawn, c"call spawn"), 1),
        (c"utf8Encode", native!(utf8_encode), 1),
        (c"utf8Decode", native!(utf8_decode), 1),
        (c"sha512", native!(sha512), 1),
        (c"args", native!(args, c"call args"), 0),
        (c"env", native!(env, c"call env"), 0),
        (c"exit", native!(exit, c"call exit"), 1),
        (c"gcThreshold", native!(gc_threshold), 1),
        (c"fetchAhead", native!(fetch_ahead, c"call fetchAhead"), 0),
    ];
    for (name, native, length) in functions {
        define(ctx, engine, name, function(ctx, name, native, length))?;
    }
    define(
        ctx,
        engine,
        c"arch",
        text::decode(ctx, sys::ARCH.as_bytes()),
    )?;
    define(ctx, engine, c"build", text::decode(ctx, b""))?;
    define(ctx, engine, c"lines", text::decode(ctx, b""))?;

    let global = q::JS_GetGlobalObject(ctx);
    let math = q::JS_GetPropertyStr(ctx, global, c"Math".as_ptr());
    define(
        ctx,
        math,
        c"random",
        function(
            ctx,
            c"random",
            native!(random::random, c"call Math.random"),
            0,
        ),
    )?;
    q::JS_FreeValue(ctx, math);
    define(ctx, global, c"engine", engine)?;
    q::JS_FreeValue(ctx, global);
    Some(())
}

unsafe fn function(
    ctx: *mut q::JSContext,
    name: &CStr,
    native: Native,
    length: c_int,
) -> q::JSValue {
    let kind = q::JSCFunctionEnum_JS_CFUNC_generic;
    q::JS_NewCFunction2(ctx, Some(native), name.as_ptr(), length, kind, 0)
}

/// Not enumerable, as built-in things are.
unsafe fn define(
    ctx: *mut q::JSContext,
    on: q::JSValue,
    name: &CStr,
    value: q::JSValue,
) -> Option<()> {
    let flags = q::JS_PROP_WRITABLE | q::JS_PROP_CONFIGURABLE;
    let done = q::JS_DefinePropertyValueStr(ctx, on, name.as_ptr(), value, flags as c_int);
    (done >= 0).then_some(())
}

/// Sets a text on `engine`.
pub unsafe fn set_text(ctx: *mut q::JSContext, name: &CStr, value: &[u8]) {
    let global = q::JS_GetGlobalObject(ctx);
    let engine = q::JS_GetPropertyStr(ctx, global, c"engine".as_ptr());
    define(ctx, engine, name, text::decode(ctx, value));
    q::JS_FreeValue(ctx, engine);
    q::JS_FreeValue(ctx, global);
}

/// Throws for an effect at build time.
pub unsafe fn refuse(ctx: *mut q::JSContext, what: &CStr) -> q::JSValue {
    let message = c"cannot %s while the heap image is being built: module top levels must be pure";
    q::JS_ThrowTypeError(ctx, message.as_ptr(), what.as_ptr())
}

unsafe fn utf8_encode(ctx: *mut q::JSContext, arguments: Arguments) -> q::JSValue {
    let value = arguments.at(0);
    if !q::JS_IsString(value) {
        return q::JS_ThrowTypeError(ctx, c"utf8Encode takes a string".as_ptr());
    }
    let bytes = text::encode(ctx, value, |bytes| views::new_bytes(ctx, bytes));
    bytes.unwrap_or(q::JS_EXCEPTION)
}

unsafe fn utf8_decode(ctx: *mut q::JSContext, arguments: Arguments) -> q::JSValue {
    match views::bytes_of(ctx, arguments.at(0)) {
        Some((_, 0)) => text::decode(ctx, b""),
        Some((start, length)) => {
            text::decode(ctx, core::slice::from_raw_parts(start as *const u8, length))
        }
        None => q::JS_ThrowTypeError(ctx, c"utf8Decode takes a typed array".as_ptr()),
    }
}

/// In lower-case hexadecimal, of a text in UTF-8.
unsafe fn sha512(ctx: *mut q::JSContext, arguments: Arguments) -> q::JSValue {
    let value = arguments.at(0);
    if !q::JS_IsString(value) {
        return q::JS_ThrowTypeError(ctx, c"sha512 takes a string".as_ptr());
    }
    let digest = text::encode(ctx, value, |bytes| {
        let mut digits = [0; 128];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(digest::sha512(bytes)) {
            pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
            pair[1] = b"0123456789abcdef"[usize::from(byte & 15)];
        }
        text::decode(ctx, &digits)
    });
    digest.unwrap_or(q::JS_EXCEPTION)
}

unsafe fn args(ctx: *mut q::JSContext, _: Arguments) -> q::JSValue {
    let list = q::JS_NewArray(ctx);
    let mut next = START.get().args;
    let mut index = 0;
    while !(*next).is_null() {
        let value = text::from_c(ctx, *next);
        if q::JS_IsException(value) || q::JS_SetPropertyUint32(ctx, list, index, value) < 0 {
            q::JS_FreeValue(ctx, list);
            return q::JS_EXCEPTION;
        }
        next = next.add(1);
        index += 1;
    }
    list
}

/// As an object; of duplicates the first counts, as for getenv. What has no "=" is left out.
unsafe fn env(ctx: *mut q::JSContext, _: Arguments) -> q::JSValue {
    let object = q::JS_NewObject(ctx);
    let mut last = START.get().env;
    while !(*last).is_null() {
        last = last.add(1);
    }
    // Backwards, so that the first of several is the one that stays.
    while last != START.get().env {
        last = last.sub(1);
        let entry = CStr::from_ptr(*last).to_bytes();
        let Some(equals) = entry.iter().position(|&byte| byte == b'=') else {
            continue;
        };
        let name = text::decode(ctx, &entry[..equals]);
        let key = q::JS_ValueToAtom(ctx, name);
        q::JS_FreeValue(ctx, name);
        let value = text::decode(ctx, &entry[equals + 1..]);
        let done = q::JS_DefinePropertyValue(ctx, object, key, value, q::JS_PROP_C_W_E as c_int);
        q::JS_FreeAtom(ctx, key);
        if done < 0 {
            q::JS_FreeValue(ctx, object);
            return q::JS_EXCEPTION;
        }
    }
    object
}

unsafe fn exit(ctx: *mut q::JSContext, arguments: Arguments) -> q::JSValue {
    let mut code = 0;
    if q::JS_ToInt32(ctx, &mut code, arguments.at(0)) != 0 {
        return q::JS_EXCEPTION;
    }
    sys::exit(code)
}

unsafe fn fetch_ahead(_: *mut q::JSContext, _: Arguments) -> q::JSValue {
    image::fetch_ahead();
    q::JS_UNDEFINED
}

unsafe fn gc_threshold(ctx: *mut q::JSContext, arguments: Arguments) -> q::JSValue {
    let mut bytes = 0;
    if q::JS_ToInt64(ctx, &mut bytes, arguments.at(0)) != 0 {
        return q::JS_EXCEPTION;
    }
    run::let_heap_grow(q::JS_GetRuntime(ctx), bytes.max(0) as usize);
    q::JS_UNDEFINED
}
