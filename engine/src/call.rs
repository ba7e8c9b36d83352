//! `engine.syscall` and `engine.addressOf`.

use crate::natives::Arguments;
use crate::{sys, text, views};
use core::ffi::c_char;
use core::ptr;
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

const EINVAL: i64 = 22;
/// A call's number and its arguments.
const MOST: usize = 7;

/// What arguments keep alive until the call has been made.
struct Held {
    ctx: *mut q::JSContext,
    texts: [*const c_char; MOST],
    count: usize,
    /// A text has a NUL inside: the kernel would take its beginning for the whole.
    torn: bool,
}

impl Held {
    /// The address of a text's UTF-8 form with a NUL behind it: that of an ASCII text is the text itself.
    unsafe fn hold(&mut self, value: q::JSValue) -> Option<usize> {
        let mut length: q::size_t = 0;
        let text = q::JS_ToCStringLen2(self.ctx, &mut length, value, false);
        if text.is_null() {
            return None;
        }
        self.texts[self.count] = text;
        self.count += 1;
        let bytes = core::slice::from_raw_parts(text as *const u8, length as usize);
        // One that is no text, but a half of a pair, stands for none of the kernel's names either.
        self.torn |= bytes.contains(&0) || text::has_lone_surrogate(bytes);
        Some(text as usize)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        for text in &self.texts[..self.count] {
            unsafe { q::JS_FreeCString(self.ctx, *text) };
        }
    }
}

/// What goes into a register for one argument. None means: thrown.
unsafe fn register(ctx: *mut q::JSContext, value: q::JSValue, held: &mut Held) -> Option<usize> {
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
            if q::JS_IsString(value) {
                return held.hold(value);
            }
            if let Some((address, _)) = views::bytes_of(ctx, value) {
                return Some(address);
            }
        }
    }
    let message = c"syscall takes whole numbers, bigints, null, texts and typed arrays";
    q::JS_ThrowTypeError(ctx, message.as_ptr());
    None
}

pub unsafe fn syscall(ctx: *mut q::JSContext, arguments: Arguments) -> q::JSValue {
    let mut held = Held {
        ctx,
        texts: [ptr::null(); MOST],
        count: 0,
        torn: false,
    };
    let mut registers = [0; MOST];
    for (i, place) in registers.iter_mut().enumerate() {
        match register(ctx, arguments.at(i), &mut held) {
            Some(word) => *place = word,
            None => return q::JS_EXCEPTION,
        }
    }
    if held.torn {
        return number(ctx, -EINVAL);
    }
    let [nr, operands @ ..] = registers;
    number(ctx, sys::syscall(nr, operands) as i64)
}

pub unsafe fn address_of(ctx: *mut q::JSContext, arguments: Arguments) -> q::JSValue {
    match views::bytes_of(ctx, arguments.at(0)) {
        Some((address, _)) => number(ctx, address as i64),
        None => q::JS_ThrowTypeError(ctx, c"addressOf takes a typed array".as_ptr()),
    }
}
