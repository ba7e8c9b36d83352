//! Math.random: QuickJS's own would draw the same numbers in every run of an image.

use crate::natives::Arguments;
use crate::sys::{self, Global};
use rquickjs_sys as q;

/// State of Math.random; 0 until the first call. A static, so no part of an image.
static RANDOM: Global<u64> = Global::new(0);

/// splitmix64, seeded by the kernel at the first call. For jitter and names, not for secrets.
pub unsafe fn random(_: *mut q::JSContext, _: Arguments) -> q::JSValue {
    let state = RANDOM.at();
    if *state == 0 {
        sys::syscall(sys::GETRANDOM, [state as usize, 8]);
        *state |= 1;
    }
    *state = (*state).wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    q::JS_NewFloat64((mixed >> 11) as f64 / (1u64 << 53) as f64)
}
