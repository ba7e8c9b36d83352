//! What `engine.spawn` takes and gives, from and to JavaScript.

use crate::{text, views};
use alloc::vec::Vec;
use core::ffi::c_int;
use core::ptr;
use rquickjs_sys as q;

/// The program to run; each text ends with its NUL.
pub struct Request {
    pub path: Vec<u8>,
    pub argv: Vec<Vec<u8>>,
    pub env: Vec<Vec<u8>>,
    /// Milliseconds from now; 0 means never.
    pub deadline_ms: i64,
    pub cancel_fd: c_int,
    /// What the child gets as its descriptors 0 to 2, in place of pipes.
    pub descriptors: Option<[c_int; 3]>,
    /// What the child keeps open besides, under its own number; 0 for nothing.
    pub held_fd: c_int,
}

/// How it ended; see SpawnResult in pkg/sys/port.ts.
#[derive(Default)]
pub struct Outcome {
    pub error: i32,
    pub status: i32,
    pub signal: i32,
    pub timed_out: bool,
    pub cancelled: bool,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

/// Reads a SpawnRequest, all but its stdin. None means: thrown.
pub unsafe fn read(ctx: *mut q::JSContext, request: q::JSValue) -> Option<Request> {
    let path = q::JS_GetPropertyStr(ctx, request, c"path".as_ptr());
    let argv = q::JS_GetPropertyStr(ctx, request, c"argv".as_ptr());
    let env = q::JS_GetPropertyStr(ctx, request, c"env".as_ptr());
    let read = (|| {
        Some(Request {
            path: c_string(ctx, path)?,
            argv: strings(ctx, argv)?,
            env: variables(ctx, env)?,
            deadline_ms: integer(ctx, request, c"deadlineMs")?,
            cancel_fd: integer(ctx, request, c"cancelFd")? as c_int,
            descriptors: descriptors(ctx, request)?,
            held_fd: integer(ctx, request, c"heldFd")? as c_int,
        })
    })();
    for value in [path, argv, env] {
        q::JS_FreeValue(ctx, value);
    }
    read
}

unsafe fn integer(ctx: *mut q::JSContext, of: q::JSValue, name: &core::ffi::CStr) -> Option<i64> {
    let mut number = 0;
    let value = q::JS_GetPropertyStr(ctx, of, name.as_ptr());
    let done = q::JS_ToInt64(ctx, &mut number, value);
    q::JS_FreeValue(ctx, value);
    (done == 0).then_some(number)
}

/// Of three numbers, if they are given.
unsafe fn descriptors(ctx: *mut q::JSContext, request: q::JSValue) -> Option<Option<[c_int; 3]>> {
    let list = q::JS_GetPropertyStr(ctx, request, c"descriptors".as_ptr());
    if q::JS_IsUndefined(list) {
        return Some(None);
    }
    let names = [c"0", c"1", c"2"];
    let mut found = [0; 3];
    let mut is_read = true;
    for (place, name) in found.iter_mut().zip(names) {
        match integer(ctx, list, name) {
            Some(fd) => *place = fd as c_int,
            None => is_read = false,
        }
    }
    q::JS_FreeValue(ctx, list);
    is_read.then_some(Some(found))
}

/// With its NUL at the end.
unsafe fn c_string(ctx: *mut q::JSContext, value: q::JSValue) -> Option<Vec<u8>> {
    let bytes = text::encode(ctx, value, |bytes| {
        bytes.iter().copied().chain([0]).collect::<Vec<u8>>()
    })?;
    if bytes[..bytes.len() - 1].contains(&0) {
        q::JS_ThrowTypeError(ctx, c"spawn takes no text with a NUL in it".as_ptr());
        return None;
    }
    Some(bytes)
}

unsafe fn strings(ctx: *mut q::JSContext, array: q::JSValue) -> Option<Vec<Vec<u8>>> {
    let mut length = 0;
    if q::JS_GetLength(ctx, array, &mut length) != 0 {
        return None;
    }
    (0..length)
        .map(|i| {
            let value = q::JS_GetPropertyInt64(ctx, array, i);
            let text = c_string(ctx, value);
            q::JS_FreeValue(ctx, value);
            text
        })
        .collect()
}

/// "name=value" for each own property.
unsafe fn variables(ctx: *mut q::JSContext, object: q::JSValue) -> Option<Vec<Vec<u8>>> {
    let mut table = ptr::null_mut();
    let mut count = 0;
    let flags = q::JS_GPN_STRING_MASK | q::JS_GPN_ENUM_ONLY;
    if q::JS_GetOwnPropertyNames(ctx, &mut table, &mut count, object, flags as c_int) != 0 {
        return None;
    }
    let list = (0..count as usize)
        .map(|i| {
            let name = q::JS_AtomToString(ctx, (*table.add(i)).atom);
            let value = q::JS_GetProperty(ctx, object, (*table.add(i)).atom);
            let entry = c_string(ctx, name).and_then(|mut entry| {
                entry.pop();
                entry.push(b'=');
                entry.extend(c_string(ctx, value)?);
                Some(entry)
            });
            q::JS_FreeValue(ctx, name);
            q::JS_FreeValue(ctx, value);
            entry
        })
        .collect();
    q::JS_FreePropertyEnum(ctx, table, count);
    list
}

/// The SpawnResult.
pub unsafe fn to_object(ctx: *mut q::JSContext, outcome: &Outcome) -> q::JSValue {
    let object = q::JS_NewObject(ctx);
    let truth = |is| if is { q::JS_TRUE } else { q::JS_FALSE };
    let values = [
        (c"error", q::JS_MKVAL(q::JS_TAG_INT, outcome.error)),
        (c"status", q::JS_MKVAL(q::JS_TAG_INT, outcome.status)),
        (c"signal", q::JS_MKVAL(q::JS_TAG_INT, outcome.signal)),
        (c"timedOut", truth(outcome.timed_out)),
        (c"cancelled", truth(outcome.cancelled)),
        (c"stdout", views::new_bytes(ctx, &outcome.stdout)),
        (c"stderr", views::new_bytes(ctx, &outcome.stderr)),
    ];
    let mut failed = false;
    for (name, value) in values {
        failed |=
            q::JS_IsException(value) || q::JS_SetPropertyStr(ctx, object, name.as_ptr(), value) < 0;
    }
    if failed {
        q::JS_FreeValue(ctx, object);
        return q::JS_EXCEPTION;
    }
    object
}
